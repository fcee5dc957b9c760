// Lives through the TypeScript package once: every operation, what it repeats, what it throws, and the AI SDK's tools.
import assert from "node:assert/strict";
import { MemoryClient, NoAnswer, NotAllowed, NotAuthenticated, NotFound, InvalidRequest, OtherVersion, TemporarilyUnavailable, UnexpectedAnswer, notesOf } from "ninaivalaigal-client";
import { memoryTools } from "ninaivalaigal-client/ai";
import { generateText, stepCountIs } from "ai";
import { MockLanguageModelV4 } from "ai/test";

const [baseUrl, apiKey] = process.argv.slice(2);
const user = "用户1 (é*')";
const memories = new MemoryClient({ baseUrl, apiKey, user });

const stored = await memories.remember("A window seat", { metadata: { topic: "travel" }, session: "trip" });
assert.deepEqual([stored.status, notesOf(stored).accepted, notesOf(stored).degraded], ["stored", false, []]);
const again = await memories.remember("tea", {}, { idempotencyKey: "once" });
assert.equal((await memories.remember("tea", {}, { idempotencyKey: "once" })).memory_id, again.memory_id);
const spoken = await memories.rememberMessages([{ role: "user", name: "Ann", content: "hello" }], { session: "talk" });
assert.equal(spoken.stored, 1);
assert.equal((await memories.rememberBatch([{ content: "one" }, { content: "two" }])).stored, 2);

const one = await memories.get(stored.memory_id);
assert.deepEqual([one.content, one.user_id], ["A window seat", user]);
const found = await memories.recall("which seat?", { where: { topic: "travel" }, limit: 3 });
assert.deepEqual(found.memories.map((memory) => memory.id), [stored.memory_id]);
assert.equal((await memories.recallBatch([{ query: "tea" }])).answered, 1);
assert.equal((await memories.list({ limit: 2, total: true })).total, 5);
const all = [];
for await (const memory of memories.listAll({ limit: 2, offset: 1, order: "oldest" })) all.push(memory.content);
assert.deepEqual(all, ["tea", "hello", "one", "two"]);

assert.equal((await memories.update(stored.memory_id, { metadata: null })).metadata, null);
assert.equal((await memories.updateBatch([{ memory_id: again.memory_id, content: "coffee" }])).updated, 1);
assert.equal((await memories.countMatching({ session: "trip" })).matching, 1);
assert.equal((await memories.deleteMatching({ session: "trip" })).deleted, 1);
assert.equal((await memories.deleteBatch([again.memory_id, "unknown"])).failed, 1);
const keyed = { user: "keyed" };
const kept = await memories.putByKey("plans/../🍵", "tea", { ttl_seconds: 3600 }, keyed);
assert.equal((await memories.putByKey("plans/../🍵", "coffee", {}, keyed)).memory_id, kept.memory_id);
const versions = await memories.history(kept.memory_id, { limit: 1 }, keyed);
assert.equal(versions.versions[0].current, true);
const older = await memories.history(kept.memory_id, { before: versions.next }, keyed);
assert.equal((await memories.restore(kept.memory_id, older.versions[0].version, keyed)).content, "tea");
assert.equal((await memories.renameKeys("plans/", "notes/", true, keyed)).renamed, 1);
assert.deepEqual((await memories.listKeys({ prefix: "notes/", depth: 1 }, keyed)).folders, [{ prefix: "notes/../", count: 1, size: 3 }]);
const under = await memories.getByKey("notes/../🍵", keyed);
assert.deepEqual([kept.created, under.id, under.key, under.content], [true, kept.memory_id, "notes/../🍵", "tea"]);
await memories.deleteByKey("notes/../🍵", keyed);
await assert.rejects(memories.getByKey("notes/../🍵", keyed), NotFound);

await assert.rejects(memories.health(), NotAllowed); // which asks for a scope of operators

await assert.rejects(memories.get("../../livez"), NotFound);
await assert.rejects(memories.recall(""), (error) => error instanceof InvalidRequest && error.problem.errors[0].field === "query");
await assert.rejects(new MemoryClient({ baseUrl, apiKey: "wrong" }).list(), NotAuthenticated);
await assert.rejects(new MemoryClient({ baseUrl: "http://127.0.0.1:1", attempts: 2 }).list(), NoAnswer);

// What comes back broken, refused or late is sent again, under the same key; what was said to be useless is not.
function answering(...answers) {
  const keys = [];
  const send = async (url, init) => {
    keys.push(init.headers.get("Idempotency-Key"));
    const answer = answers.shift();
    if (answer === undefined) return fetch(url, init);
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { keys, client: new MemoryClient({ baseUrl, apiKey, user, fetch: send }) };
}
const ill = new Response('{"healthy": false}', { status: 503, headers: { "Content-Type": "application/json" } });
assert.equal((await answering(ill).client.health()).healthy, false);
const busy = (after) => new Response("{}", { status: 503, headers: { "Retry-After": after } });
const repeated = answering(new TypeError("broken"), busy("0"));
const third = await repeated.client.remember("kept");
assert.deepEqual([notesOf(third).attempts, new Set(repeated.keys).size, repeated.keys.length], [3, 1, 3]);
const useless = answering(busy("3600"));
await assert.rejects(useless.client.list(), (error) => error instanceof TemporarilyUnavailable && error.retryAfter === 3600);
assert.equal(useless.keys.length, 1);
const alive = setInterval(() => {}, 1000); // a client that waits for nothing real keeps no process alive
const late = new MemoryClient({ baseUrl, timeout: 50, fetch: (_, init) => new Promise((_, no) => init.signal.addEventListener("abort", () => no(init.signal.reason))) });
await assert.rejects(late.remember("x"), (error) => error instanceof NoAnswer && error.idempotencyKey !== undefined);
const ended = AbortSignal.abort(new Error("enough"));
await assert.rejects(memories.list({}, { signal: ended }), /enough/);
clearInterval(alive);

// What changes is told, and a write over a version that was not read is refused.
const begun = await memories.changes({ after: "now" }, { user: "eve" });
const first = await memories.remember("tea", {}, { user: "eve" });
for await (const told of memories.follow(begun.next, { user: "eve" })) {
  assert.deepEqual(told.changes.map((one) => [one.change, one.memory_id]), [["put", first.memory_id]]);
  break;
}
const { etag } = notesOf(await memories.get(first.memory_id, { user: "eve" }));
await memories.update(first.memory_id, { content: "coffee" }, { user: "eve", ifMatch: etag });
await assert.rejects(memories.delete(first.memory_id, { user: "eve", ifMatch: etag }), OtherVersion);
assert.equal((await memories.deleteEverything({ user: "eve" })).deleted, 1);

// What several owners remember is one answer; each memory tells whose it is and what it comes from.
const ann = { user: "ann" };
const told = await memories.remember("Ann's tea is green", { origin: "document" }, ann);
await memories.remember("Eve's tea is black", {}, { user: "eve" });
const shared = await memories.recall("tea", { owners: ["ann", "eve"] });
assert.deepEqual(shared.memories.map((memory) => memory.user_id).sort(), ["ann", "eve"]);
const answers = await memories.recallBatch([{ query: "tea", owners: ["eve"] }, { query: "tea", explain: true }], ann);
assert.deepEqual(answers.results.map((one) => one.memories.map((memory) => memory.user_id)), [["eve"], ["ann"]]);
assert.equal(answers.results[1].memories[0].explanation.rank, 1);
const from = await memories.list({ origin: "document", source_key: "free" }, ann);
assert.deepEqual(from.memories.map((memory) => [memory.id, memory.source.origin]), [[told.memory_id, "document"]]);
assert.equal((await memories.countMatching({ origin: "tool" }, ann)).matching, 0);
assert.equal((await memories.remember("Ann's tea is green", { unless_similar: 0.9 }, ann)).status, "exists");
const line = JSON.stringify({ kind: "memory", id: crypto.randomUUID(), content: "old", created_at: "2024-05-01T10:00:00Z" });
assert.deepEqual((await memories.importLines(`${line}\n`, { name: "once" }, ann)).stored, 1);
// An export is read to its trailer; one that is cut off behind a checkpoint goes on there, and nothing comes twice.
async function read(lines) {
  const told = [];
  for await (const some of lines) told.push(...some.trimEnd().split("\n").map((one) => JSON.parse(one)));
  return told;
}
const kinds = (told) => told.map((one) => one.kind);
const exported = await read(memories.exportLines({ origin: "document" }, ann));
assert.deepEqual([exported.at(-1).kind, exported.filter((one) => one.id === told.memory_id).length], ["trailer", 1]);
const ndjson = (...parts) => new Response(parts.map((one) => (typeof one === "string" ? one : `${JSON.stringify(one)}\n`)).join(""));
const [memory, checkpoint, trailer] = [{ kind: "memory", id: "a" }, { kind: "checkpoint", after: "here" }, { kind: "trailer" }];
const asked = [];
const parted = (...answers) => new MemoryClient({ baseUrl, fetch: async (url) => (asked.push(new URL(url).search), answers.shift()) });
const whole = parted(ndjson(memory, checkpoint, { kind: "memory", id: "b" }, '{"kind": "mem'), busy("0"), ndjson({ kind: "memory", id: "b" }, trailer));
assert.deepEqual(kinds(await read(whole.exportLines())), ["memory", "checkpoint", "memory", "trailer"]);
assert.deepEqual(asked.splice(0), ["", "?after=here", "?after=here"]);
const lost = { kind: "problem", problem: { type: "urn:ninai:problem:cursor-lost", title: "Lost", status: 409, detail: "begin again" } };
await assert.rejects(read(parted(ndjson(memory, checkpoint, lost)).exportLines()), (error) => error.type === lost.problem.type);
await assert.rejects(read(parted(ndjson("<html>\n")).exportLines()), UnexpectedAnswer);
await assert.rejects(read(parted(...Array.from({ length: 4 }, () => ndjson(memory))).exportLines()), NoAnswer);
const silent = new MemoryClient({ baseUrl, attempts: 1, timeout: 50, fetch: async (_, init) => new Response(new ReadableStream({
  start: (stream) => init.signal.addEventListener("abort", () => stream.error(init.signal.reason)),
})) });
await assert.rejects(read(silent.exportLines()), NoAnswer);

const receipt = await memories.eraseEverything(ann);
assert.equal((await memories.erasure(receipt.erasure_id, ann)).erasure_id, receipt.erasure_id);
assert.equal((await memories.list({}, ann)).count, 0);

// A model that first stores, then searches, then says something.
const usage = { inputTokens: { total: 1 }, outputTokens: { total: 1 } };
const calls = (toolName, input) => ({
  content: [{ type: "tool-call", toolCallId: toolName, toolName, input: JSON.stringify(input) }],
  finishReason: { unified: "tool-calls" }, usage, warnings: [],
});
const said = [
  calls("rememberFact", { content: "Ann drinks masala tea" }),
  calls("searchMemories", { query: "what does Ann drink?" }),
  { content: [{ type: "text", text: "Masala tea." }], finishReason: { unified: "stop" }, usage, warnings: [] },
];
const model = new MockLanguageModelV4({ doGenerate: async () => said.shift() });
const tools = memoryTools(memories, { user: "ann", limit: 1 });
const answer = await generateText({ model, prompt: "What do I drink?", tools, stopWhen: stepCountIs(5) });
assert.equal(answer.text, "Masala tea.");
const results = answer.steps.flatMap((step) => step.toolResults.map((result) => result.output));
assert.equal(results[1][0].content, "Ann drinks masala tea");
assert.equal((await memories.list({}, { user: "ann" })).count, 1);
assert.equal((await memories.deleteEverything({ user: "ann" })).deleted, 1);
console.log(JSON.stringify({ ended: "well" }));
