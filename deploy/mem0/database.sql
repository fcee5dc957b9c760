-- These indexes and options let the database of mem0's own server find all memories of a user, and find them quickly.
-- Run this file once, as the owner, after mem0 has answered its first call, which makes its table: psql -f database.sql

-- mem0 reads by user (and this service by memory, as `run_id`, and by `agent_id`), and has an index for neither.
-- With these indexes the search is also exact, and does not depend on an approximate index over all users' memories.
CREATE INDEX IF NOT EXISTS memories_user_id ON memories ((payload->>'user_id'));
CREATE INDEX IF NOT EXISTS memories_run_id ON memories ((payload->>'run_id'));
CREATE INDEX IF NOT EXISTS memories_agent_id ON memories ((payload->>'agent_id'));

DO $$
BEGIN
  -- mem0 passes the name of the field as a parameter, so that a generic plan cannot use the indexes.
  EXECUTE format('ALTER DATABASE %I SET plan_cache_mode = force_custom_plan', current_database());
  -- For a user with very many memories the approximate index finds the candidates: let it go on until it has enough.
  -- The strict order would leave out candidates that it finds late; the answers are sorted afterwards.
  EXECUTE format('ALTER DATABASE %I SET hnsw.iterative_scan = relaxed_order', current_database());
END
$$;
