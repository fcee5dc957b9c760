// A program of the official TypeScript client of MCP: it uses the server, and prints what came back.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, url, key, user] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const load = (path) => import(pathToFileURL(require.resolve(`@modelcontextprotocol/sdk/${path}`)));
const { Client } = await load("client/index.js");
const { StreamableHTTPClientTransport } = await load("client/streamableHttp.js");
const { version } = JSON.parse(
  require("node:fs").readFileSync(`${folder}/node_modules/@modelcontextprotocol/sdk/package.json`),
);

const client = new Client({ name: "test", version: "1" });
const requestInit = { headers: { Authorization: `Bearer ${key}` } };
await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp/u/${user}`), { requestInit }));
const call = (name, args) => client.callTool({ name, arguments: args });
const added = await call("add_memory", { content: "I drink tea" });
const found = await call("search_memories", { query: "tea" });
const refused = await call("get_memory", { memory_id: "1" });
const said = {
  version,
  server: client.getServerVersion().name,
  tools: (await client.listTools()).tools.map((tool) => tool.name),
  added: JSON.parse(added.content[0].text).status,
  found: JSON.parse(found.content[0].text).memories.map((one) => one.content),
  refused: refused.isError,
  resources: (await client.listResources()).resources.map((one) => one.uri.slice(0, 9)),
  prompts: (await client.listPrompts()).prompts.map((one) => one.name),
};
await client.close();
console.log(JSON.stringify(said));
