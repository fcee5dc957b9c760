// Stores, recalls, lists, changes and deletes a memory, with the types that are generated from the OpenAPI document.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, operations, paths } from "./api.js";

type Recall = components["schemas"]["SingleRecallRequest"];

const [baseUrl, user] = process.argv.slice(2);
assert(baseUrl !== undefined && user !== undefined);
const api = createClient<paths>({ baseUrl });
const query = { user_id: user };

// What is optional may be left out, and what is always there may be used without a look.
const question: Recall = { query: "how do I take my tea?", where: { op: "eq", field: "topic", value: "tea" } };
const limit: number | undefined = question.limit;
assert.equal(limit, undefined);

const stored = await api.POST("/memory/remember", {
  params: { query, header: { "Idempotency-Key": "caller-1", "X-Request-Timeout-Ms": 20_000 } },
  body: { content: "Masala tea, no sugar", metadata: { topic: "tea" } },
});
assert(stored.data !== undefined, JSON.stringify(stored.error));
// With `messages` the answer is that of a batch.
assert("memory_id" in stored.data);
const memoryId: string = stored.data.memory_id;
const status: "stored" | "accepted" | "exists" = stored.data.status;
assert.equal(status, "stored");

const found = await api.POST("/memory/recall", { body: { ...question, user_id: user, format: "text", limit: 5 } });
assert(found.data !== undefined, JSON.stringify(found.error));
assert.deepEqual(found.data.memories.map((memory) => [memory.id, memory.user_id]), [[memoryId, user]]);
assert.match(found.data.text ?? "", /^- [0-9-]{10}: Masala tea, no sugar\n$/);

const page = await api.GET("/memory/memories", { params: { query: { ...query, limit: 10 } } });
assert(page.data !== undefined, JSON.stringify(page.error));
const cursor: string | null = page.data.next_cursor;
assert.deepEqual([page.data.count, cursor], [1, null]);

const batch = await api.POST("/memory/remember/batch", { body: { memories: [{ content: "Green tea" }], user_id: user } });
assert.equal(batch.data?.results[0]?.status, "stored");

const path = { memory_id: memoryId };
const changed = await api.PATCH("/memory/memories/{memory_id}", {
  params: { path, query },
  body: { content: "Masala tea, one sugar" },
});
assert.equal(changed.data?.content, "Masala tea, one sugar");

const deleted = await api.DELETE("/memory/memories/{memory_id}", { params: { path, query } });
const word: "deleted" | undefined = deleted.data?.status;
assert.equal(word, "deleted");

const missing = await api.GET("/memory/memories/{memory_id}", { params: { path, query } });
assert.equal(missing.data, undefined);
assert.equal(missing.error?.status, 404);
assert.match(missing.response.headers.get("X-Request-ID") ?? "", /^[0-9a-f]{32}$/);

// The names of operations are those of methods, and answers declare their headers.
type Answer = operations["getMemory"]["responses"][200];
const provider: keyof Answer["headers"] = "Memory-Provider";
assert.equal(missing.response.headers.has(provider), true);

console.log(`called as ${user}`);
