// A client of ninaivalaigal for Node.js and browsers, without dependencies.
export { MemoryClient } from "./client.js";
export type { ClientOptions, ConditionalOptions, ReadOptions, WriteOptions } from "./connection.js";
export * from "./errors.js";
export { notesOf, type Notes } from "./notes.js";
export type * from "./types.js";
