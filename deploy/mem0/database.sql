-- What the database of mem0's own server lacks, so that it finds all memories of a user, and finds them quickly.
-- To be run once, as the owner, after mem0 has answered its first call, which makes its table: psql -f database.sql

-- mem0 reads by user (and this service by memory, as `run_id`, and by `agent_id`), and has an index for neither.
-- Through these the search is exact as well, instead of what an approximate index of all users' memories leaves over.
CREATE INDEX IF NOT EXISTS memories_user_id ON memories ((payload->>'user_id'));
CREATE INDEX IF NOT EXISTS memories_run_id ON memories ((payload->>'run_id'));
CREATE INDEX IF NOT EXISTS memories_agent_id ON memories ((payload->>'agent_id'));

DO $$
BEGIN
  -- mem0 gives the name of the field as a parameter, so that a plan made for every value cannot use them.
  EXECUTE format('ALTER DATABASE %I SET plan_cache_mode = force_custom_plan', current_database());
  -- Of a user with very many memories the approximate index gives the candidates: let it go on until there are enough.
  -- The strict order would leave out what it comes upon late; the answers are put in order afterwards.
  EXECUTE format('ALTER DATABASE %I SET hnsw.iterative_scan = relaxed_order', current_database());
END
$$;
