// A program of mem0's client for Node: it makes every call that this service answers, and prints what came back.
import { createRequire } from "node:module";

const [folder, host, apiKey, user] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const { MemoryClient } = require("mem0ai");
const { version } = JSON.parse(require("node:fs").readFileSync(`${folder}/node_modules/mem0ai/package.json`));
const camel = Number(version.split(".")[0]) >= 3;

const spelled = (options) =>
  camel ? options : Object.fromEntries(Object.entries(options).map(([name, value]) => [snake(name), value]));
const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const results = (answer) => (Array.isArray(answer) ? answer : answer.results);
const attempt = (call) =>
  call().then((answer) => `answered ${JSON.stringify(answer)}`, (error) => `${error.constructor.name}: ${error.message}`);
const part = (memory) => ({ memory: memory.memory, metadata: memory.metadata });

const client = new MemoryClient({ apiKey, host });
const filters = { user_id: user };
const asked = { filters, version: "v2", api_version: "v2" };
const messages = [
  { role: "user", content: "I moved to Paris last spring" },
  { role: "assistant", content: "I will remember that you moved to Paris" },
];
const answer = await client.add(messages, spelled({ userId: user, runId: "r1", metadata: { topic: "home" } }));
const added = results(answer);
await client.add([{ role: "user", content: "I drink tea" }], spelled({ userId: user }));
const id = added[0].id;
const said = {
  version,
  added: added.map((one) => one.event),
  found: results(await client.search("tea", asked)).map((one) => one.memory),
  narrowed: results(
    await client.search("Paris", { ...asked, filters: { AND: [filters, { run_id: "r1" }] }, ...spelled({ topK: 1 }) }),
  ).map((one) => one.memory),
  count: results(await client.getAll(asked)).length,
  page: (await client.getAll({ ...asked, page: 1, ...spelled({ pageSize: 2 }) })).count,
  got: part(await client.get(id)),
};
await client.update(id, { text: "I moved to Rome last spring", metadata: { topic: "city" } });
said.changed = part(await client.get(id));
said.history = (await client.history(id)).map((one) => one.event);
await client.batchUpdate([{ memoryId: id, text: "I moved to Oslo" }]);
said.batch = (await client.get(id)).memory;
await client.batchDelete([added[1].id]);
await client.delete(id);
said.gone = await attempt(() => client.get(id));
said.left = results(await client.getAll(asked)).length;
said.refused = await attempt(() => client.search("tea", { ...asked, filters: { user_id: "*" } }));
await client.deleteAll(spelled({ userId: user }));
said.end = results(await client.getAll(asked)).length;
await client.add([{ role: "user", content: "I drink coffee" }], spelled({ userId: user }));
await client.deleteUsers(spelled({ userId: user }));
said.deleted_user = results(await client.getAll(asked)).length;
said.wrong_key = await attempt(() => new MemoryClient({ apiKey: "wrong", host }).search("tea", asked));
console.log(JSON.stringify(said));
