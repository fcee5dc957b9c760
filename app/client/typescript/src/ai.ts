// Tools for the AI SDK: a model remembers, searches and forgets what it knows of a user.
import { jsonSchema, tool, type ToolSet } from "ai";
import type { MemoryClient } from "./client.js";

export interface ToolOptions {
  /** Whose memories the tools are about; by default those of the client's user. The model cannot choose another. */
  user?: string;
  /** How many memories a search returns at most; 10 by default. */
  limit?: number;
}

const LIMIT = 10;

/** Return the tools `rememberFact`, `searchMemories` and `forgetMemory`. */
export function memoryTools(client: MemoryClient, options: ToolOptions = {}): ToolSet {
  const named = options.user === undefined ? {} : { user: options.user };
  return {
    rememberFact: tool({
      description: "Store one fact about the user, in a sentence that is understood without the conversation.",
      inputSchema: jsonSchema<{ content: string }>({
        type: "object",
        properties: { content: { type: "string", minLength: 1, description: "The fact, as one sentence." } },
        required: ["content"],
        additionalProperties: false,
      }),
      execute: ({ content }) => client.remember(content, {}, named),
    }),
    searchMemories: tool({
      description: "Search what is known about the user. Use it before answering what depends on the user.",
      inputSchema: jsonSchema<{ query: string }>({
        type: "object",
        properties: { query: { type: "string", minLength: 1, description: "A question, in any language." } },
        required: ["query"],
        additionalProperties: false,
      }),
      execute: async ({ query }) => {
        const found = await client.recall(query, { limit: options.limit ?? LIMIT }, named);
        return found.memories.map(({ id, content, created_at }) => ({ id, content, created_at }));
      },
    }),
    forgetMemory: tool({
      description: "Delete a memory for good, because it is wrong or the user wants it forgotten.",
      inputSchema: jsonSchema<{ id: string }>({
        type: "object",
        properties: { id: { type: "string", minLength: 1, description: "The id that a search returned." } },
        required: ["id"],
        additionalProperties: false,
      }),
      execute: ({ id }) => client.delete(id, named),
    }),
  };
}
