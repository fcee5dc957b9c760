// Every operation on memories.
import {
  Connection,
  encoded,
  type ClientOptions,
  type ConditionalOptions,
  type ReadOptions,
  type WriteOptions,
} from "./connection.js";
import { exported } from "./exporting.js";
import type * as types from "./types.js";

const MEMORIES = "/memory/memories";
const KEYS = "/memory/keys"; // in the bodies, where every key can stand
const LARGEST_PAGE = 1000;
const FOLLOWED_SECONDS = 25; // that one look for changes waits

export class MemoryClient {
  readonly #connection: Connection;

  constructor(options: ClientOptions) {
    this.#connection = new Connection(options);
  }

  /** Store a memory. */
  remember(content: string, details: types.RememberDetails = {}, options?: WriteOptions): Promise<types.Remembered> {
    return this.#write("POST", "/memory/remember", options, { ...details, content });
  }

  /** Store the messages of a conversation, each as a memory, in their order. */
  rememberMessages(
    messages: readonly types.Message[],
    details: types.RememberDetails = {},
    options?: WriteOptions,
  ): Promise<types.RememberedMany> {
    return this.#write("POST", "/memory/remember", options, { ...details, messages });
  }

  /** Store up to 1,000 memories; each fails alone. */
  rememberBatch(memories: readonly types.NewMemory[], options?: WriteOptions): Promise<types.RememberedMany> {
    return this.#write("POST", "/memory/remember/batch", options, { memories });
  }

  /** Find the memories nearest to a query, best first: the user's, or those of several `owners`. */
  recall(query: string, details: types.RecallDetails = {}, options?: ReadOptions): Promise<types.Recalled> {
    const ofOwners = details.owners !== undefined;
    return this.#connection.send({ method: "POST", path: "/memory/recall", options, ofOwners, body: { ...details, query } });
  }

  /** Answer up to 1,000 questions; each fails alone. */
  recallBatch(queries: readonly types.Question[], options?: ReadOptions): Promise<types.RecalledMany> {
    return this.#read("POST", "/memory/recall/batch", options, { queries });
  }

  /** Return one memory. */
  get(memoryId: string, options?: ReadOptions): Promise<types.Memory> {
    return this.#read("GET", path(memoryId), options);
  }

  /** Return one page of the memories that meet conditions, newest first. */
  list(query: types.ListQuery = {}, options?: ReadOptions): Promise<types.Page> {
    return this.#read("POST", "/memory/list", options, query);
  }

  /** Go through all memories that meet conditions, page by page. */
  async *listAll(query: Omit<types.ListQuery, "cursor"> = {}, options?: ReadOptions): AsyncGenerator<types.Memory> {
    let wanted: types.ListQuery = { limit: LARGEST_PAGE, ...query };
    for (;;) {
      const page = await this.list(wanted, options);
      yield* page.memories;
      if (page.next_cursor === null) return;
      // The cursor takes the place of where the first page began.
      const { offset: _, ...rest } = wanted;
      wanted = { ...rest, cursor: page.next_cursor };
    }
  }

  /** Tell what was put, changed and deleted behind `after`, the `next` of the answer before; "now" for what comes. */
  changes(query: types.ChangesQuery = {}, options?: Omit<ReadOptions, "memorySession">): Promise<types.MemoryChanges> {
    return this.#connection.send<types.MemoryChanges>({
      method: "GET",
      path: "/memory/changes",
      query: texts(query),
      options,
    });
  }

  /** Go through what changes, for ever, as it happens: keep the `next` of each, and begin with it the next time. */
  async *follow(after?: string, options?: Omit<ReadOptions, "memorySession">): AsyncGenerator<types.MemoryChanges> {
    for (;;) {
      const query: types.ChangesQuery = { wait: FOLLOWED_SECONDS };
      if (after !== undefined) query.after = after;
      const told = await this.changes(query, options);
      after = told.next;
      if (told.changes.length > 0) yield told;
    }
  }

  /** List the versions of a memory that are kept, newest first; `before` is the `next` of the page before. */
  history(memoryId: string, query: types.HistoryQuery = {}, options?: ReadOptions): Promise<types.History> {
    return this.#connection.send<types.History>({
      method: "GET",
      path: `${path(memoryId)}/history`,
      query: texts(query),
      options,
    });
  }

  /** Bring back the content, metadata and labels of an old version, as a change like any other. */
  restore(memoryId: string, version: string, options?: WriteOptions): Promise<types.Memory> {
    return this.#write("POST", `${path(memoryId)}/history/${encoded(version)}/restore`, options);
  }

  /** Replace content, metadata, labels or expiry; what is left out stays, and null removes. */
  update(memoryId: string, changes: types.Changes, options?: ConditionalOptions): Promise<types.Memory> {
    return this.#write("PATCH", path(memoryId), options, changes);
  }

  /** Change up to 1,000 memories; each fails alone. */
  updateBatch(changes: readonly types.Change[], options?: WriteOptions): Promise<types.UpdatedMany> {
    return this.#write("POST", "/memory/update/batch", options, { changes });
  }

  /** Delete one memory for good. */
  delete(memoryId: string, options?: ConditionalOptions): Promise<types.Deleted> {
    return this.#write("DELETE", path(memoryId), options);
  }

  /** Delete up to 1,000 memories for good; each fails alone. */
  deleteBatch(memoryIds: readonly string[], options?: WriteOptions): Promise<types.DeletedMany> {
    return this.#write("POST", "/memory/delete/batch", options, { memory_ids: memoryIds });
  }

  /** Delete up to 1,000 memories that meet conditions; without a condition the service refuses. */
  deleteMatching(conditions: types.Conditions, options?: WriteOptions): Promise<types.DeletedMatching> {
    return this.#matching({ confirm: "matching" }, conditions, options);
  }

  /** Count the memories that `deleteMatching` would delete, and delete none. */
  countMatching(conditions: types.Conditions, options?: WriteOptions): Promise<types.Matching> {
    return this.#matching({ dry_run: "true" }, conditions, options);
  }

  /** Delete up to 1,000 memories of the user, whatever they are; `more` says that there are others. */
  deleteEverything(options?: WriteOptions): Promise<types.DeletedMatching> {
    return this.#matching({ confirm: "everything" }, {}, options);
  }

  /** Leave nothing at all of the user, not even that there were memories, and return a receipt. */
  eraseEverything(options?: WriteOptions): Promise<types.Erasure> {
    return this.#matching({ confirm: "everything", erase: "true" }, {}, options);
  }

  /** Return the receipt of an erasure as it is now. */
  erasure(erasureId: string, options?: ReadOptions): Promise<types.Erasure> {
    return this.#read("GET", `/memory/erasures/${encoded(erasureId)}`, options);
  }

  /**
   * Go through the lines of an export, many at a time, each with its end. What was yielded is certain: an export that is
   * cut off goes on by itself behind its last checkpoint. Of a long one, `timeout` bounds the silence.
   */
  exportLines(query: types.ExportQuery = {}, options?: ReadOptions): AsyncGenerator<string> {
    return exported(this.#connection, { method: "GET", path: "/memory/export", query: parameters(query), options });
  }

  /** Store the memories of an export, up to 10,000 lines of JSON; a repeated import stores nothing twice. */
  importLines(lines: string, query: types.ImportQuery = {}, options?: WriteOptions): Promise<types.Imported> {
    return this.#connection.send<types.Imported>({
      method: "POST",
      path: "/memory/import",
      query: texts(query),
      lines,
      options,
      writes: true,
    });
  }

  /** Create the memory under a key, or replace all parts of the one that is there. */
  putByKey(
    key: string,
    content: string,
    details: types.KeptDetails = {},
    options?: ConditionalOptions,
  ): Promise<types.Kept> {
    return this.#write("POST", `${KEYS}/put`, options, { ...details, key, content });
  }

  /** Return the memory under a key. */
  getByKey(key: string, options?: ReadOptions): Promise<types.Memory> {
    return this.#read("POST", `${KEYS}/get`, options, { key });
  }

  /** Delete the memory under a key for good; the key may be put again. */
  deleteByKey(key: string, options?: ConditionalOptions): Promise<types.Deleted> {
    return this.#write("POST", `${KEYS}/delete`, options, { key });
  }

  /** List the keys that begin with a prefix, up to 10,000; with a depth as in folders, so many parts deep. */
  listKeys(query: types.KeyQuery = {}, options?: ReadOptions): Promise<types.KeyList> {
    return this.#read("POST", `${KEYS}/list`, options, query);
  }

  /** Give the memory under a key another one; with `prefix` all whose keys begin so, up to 1,000, in one go. */
  renameKeys(fromKey: string, toKey: string, prefix = false, options?: WriteOptions): Promise<types.Renamed> {
    return this.#write("POST", `${KEYS}/rename`, options, { from_key: fromKey, to_key: toKey, prefix });
  }

  /** Tell whether the service can serve; that it cannot is an answer, too. */
  health(options?: ReadOptions): Promise<types.Health> {
    return this.#connection.send({ method: "GET", path: "/memory/health", options, answersWith: [503] });
  }

  #read<Answer extends object>(
    method: "GET" | "POST",
    path: string,
    options: ReadOptions | undefined,
    body?: unknown,
  ): Promise<Answer> {
    return this.#connection.send<Answer>({ method, path, options, body });
  }

  #write<Answer extends object>(
    method: "POST" | "PATCH" | "DELETE",
    path: string,
    options: WriteOptions | undefined,
    body?: unknown,
  ): Promise<Answer> {
    return this.#connection.send<Answer>({ method, path, options, body, writes: true });
  }

  #matching<Answer extends object>(
    query: Record<string, string>,
    conditions: types.Conditions,
    options: WriteOptions | undefined,
  ): Promise<Answer> {
    const all = { ...query, ...parameters(conditions) };
    return this.#connection.send<Answer>({ method: "DELETE", path: MEMORIES, query: all, options, writes: true });
  }
}

function texts(query: object): Record<string, string> {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
}

/** Return conditions as parameters of an address, in which an expression is JSON. */
function parameters(conditions: types.Conditions): Record<string, string> {
  const texts = Object.entries(conditions)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]);
  return Object.fromEntries(texts);
}

function path(memoryId: string): string {
  // Dots alone would be taken for folders of an address.
  return `${MEMORIES}/${encoded(memoryId).replaceAll(".", "%2E")}`;
}
