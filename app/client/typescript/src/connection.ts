// Sends requests, again where that is safe: reads change nothing, and a write carries a key with which it happens once.
import { ClientError, NoAnswer, UnexpectedAnswer, refusal } from "./errors.js";
import { notesFrom, withNotes } from "./notes.js";
import type { Problem } from "./types.js";

export interface ClientOptions {
  /** Where the service is, such as `https://memory.example.com`. */
  baseUrl: string;
  /** An API key, or a token of an issuer that the service knows. */
  apiKey?: string;
  /** Whose memories are meant, in any script; without it those of the key's user. */
  user?: string;
  /** How often a request is sent at most; 4 by default. */
  attempts?: number;
  /** Milliseconds for a call, pauses and repetitions included; 30,000 by default. */
  timeout?: number;
  /** What sends requests; `fetch` by default. */
  fetch?: typeof fetch;
}

export interface ReadOptions {
  /** Whose memories are meant in this call. */
  user?: string;
  /** Milliseconds for this call. */
  timeout?: number;
  /** Ends the call. */
  signal?: AbortSignal;
  /** The `memorySession` of a write that the answer must have. */
  memorySession?: string;
}

export interface WriteOptions extends Omit<ReadOptions, "memorySession"> {
  /** The key with which a repeated write happens once; a new one by default. */
  idempotencyKey?: string;
  /** Seconds to wait for the first provider, before the answer is that the write is accepted. */
  wait?: number;
}

export interface ConditionalOptions extends WriteOptions {
  /** An `etag`, or `*`: the write is refused with 412 if the memory has another version. */
  ifMatch?: string;
}

export interface Call {
  method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  path: string;
  query?: Readonly<Record<string, string>>;
  body?: unknown;
  /** Lines of JSON, in place of a body. */
  lines?: string;
  options?: ReadOptions | WriteOptions | ConditionalOptions | undefined;
  writes?: boolean;
  /** Whose memories are meant stands in the body, in place of the client's user. */
  ofOwners?: boolean;
  /** Statuses that bring an answer, beside those of success. */
  answersWith?: readonly number[];
}

const REPEATED: ReadonlySet<number> = new Set([429, 502, 503, 504]);
const ATTEMPTS = 4;
export const TIMEOUT = 30_000;
const FIRST_PAUSE = 200;
const LONGEST_PAUSE = 10_000;
const QUOTED = 200;

export class Connection {
  readonly #base: string;
  readonly #options: ClientOptions;
  readonly #fetch: typeof fetch;

  constructor(options: ClientOptions) {
    this.#base = options.baseUrl.replace(/\/+$/, "");
    this.#options = options;
    this.#fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
  }

  /** Send a call until there is an answer, the time is up, or it is no use. */
  async send<Answer extends object>(call: Call): Promise<Answer> {
    const key = call.writes === true ? (keyOf(call) ?? crypto.randomUUID()) : undefined;
    try {
      return await this.#sent<Answer>(call, key);
    } catch (error) {
      if (error instanceof ClientError) error.idempotencyKey = key;
      throw error;
    }
  }

  /** How often a request is sent at most. */
  get attempts(): number {
    return this.#options.attempts ?? ATTEMPTS;
  }

  /** The milliseconds for a call, or for the silence of one whose answer is long. */
  timeout(call: Call): number {
    return call.options?.timeout ?? this.#options.timeout ?? TIMEOUT;
  }

  /** Send a call once, and return what comes at first; the answer is read by the caller, for as long as `signal` lets him. */
  async open(call: Call, signal: AbortSignal): Promise<Response | NoAnswer> {
    return await this.#fetched(call, { method: call.method, headers: this.#headers(call, undefined, undefined), signal });
  }

  async #sent<Answer extends object>(call: Call, key: string | undefined): Promise<Answer> {
    const end = Date.now() + this.timeout(call);
    for (let attempt = 1; ; attempt++) {
      const left = end - Date.now();
      const outcome = await this.#attempt(call, key, left);
      const pause = attempt < this.attempts ? pauseAfter(outcome, attempt) : undefined;
      if (pause === undefined || Date.now() + pause >= end || isAnswer(outcome, call)) {
        return await result<Answer>(outcome, call, attempt);
      }
      if (outcome instanceof Response) await outcome.body?.cancel();
      await paused(pause, call.options?.signal);
    }
  }

  async #attempt(call: Call, key: string | undefined, left: number): Promise<Response | NoAnswer> {
    const time = AbortSignal.timeout(Math.max(1, left));
    const signal = call.options?.signal;
    const init: RequestInit = {
      method: call.method,
      headers: this.#headers(call, key, left),
      signal: signal === undefined ? time : AbortSignal.any([time, signal]),
    };
    if (call.body !== undefined) init.body = JSON.stringify(call.body);
    if (call.lines !== undefined) init.body = call.lines;
    return await this.#fetched(call, init);
  }

  async #fetched(call: Call, init: RequestInit): Promise<Response | NoAnswer> {
    const query = new URLSearchParams(call.query).toString();
    try {
      return await this.#fetch(`${this.#base}${call.path}${query === "" ? "" : `?${query}`}`, init);
    } catch (error) {
      if (call.options?.signal?.aborted === true) throw error;
      return new NoAnswer(`no answer from ${this.#base}: ${String(error)}`, { cause: error });
    }
  }

  #headers(call: Call, key: string | undefined, left: number | undefined): Headers {
    const headers = new Headers({ Accept: "application/json" });
    if (left !== undefined) headers.set("X-Request-Timeout-Ms", String(Math.max(1, Math.ceil(left))));
    const user = call.options?.user ?? (call.ofOwners === true ? undefined : this.#options.user);
    if (this.#options.apiKey !== undefined) headers.set("Authorization", `Bearer ${this.#options.apiKey}`);
    if (user !== undefined) headers.set("X-User-ID*", `UTF-8''${encoded(user)}`);
    if (call.body !== undefined) headers.set("Content-Type", "application/json");
    if (call.lines !== undefined) headers.set("Content-Type", "application/x-ndjson");
    if (key !== undefined) headers.set("Idempotency-Key", key);
    const options: ReadOptions & ConditionalOptions = call.options ?? {};
    if (options.memorySession !== undefined) headers.set("Memory-Session", options.memorySession);
    if (options.wait !== undefined) headers.set("Prefer", `wait=${options.wait}`);
    if (options.ifMatch !== undefined) headers.set("If-Match", options.ifMatch);
    return headers;
  }
}

function keyOf(call: Call): string | undefined {
  return call.options !== undefined && "idempotencyKey" in call.options ? call.options.idempotencyKey : undefined;
}

/** Percent-encode as RFC 8187 has it, which leaves fewer characters as they are than an address does. */
export function encoded(text: string): string {
  const rest = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
  return encodeURIComponent(text).replace(/['()*]/g, rest);
}

function isAnswer(outcome: Response | NoAnswer, call: Call): outcome is Response {
  if (!(outcome instanceof Response)) return false;
  const told = (outcome.headers.get("Content-Type") ?? "").includes("problem+json");
  return outcome.ok || (!told && (call.answersWith ?? []).includes(outcome.status));
}

/** Return the milliseconds until the next attempt, undefined if it would be no use. */
export function pauseAfter(outcome: Response | NoAnswer, attempt: number): number | undefined {
  let asked = 0;
  if (outcome instanceof Response) {
    if (!REPEATED.has(outcome.status)) return undefined;
    asked = (retryAfter(outcome) ?? 0) * 1000;
  }
  if (asked > LONGEST_PAUSE) return undefined;
  return asked + Math.random() * Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1));
}

/** Return the seconds that an answer asks to wait, which it may say as a date. */
function retryAfter(response: Response): number | undefined {
  const said = response.headers.get("Retry-After")?.trim() ?? "";
  if (/^\d+$/.test(said)) return Number(said);
  const moment = Date.parse(said);
  return Number.isNaN(moment) ? undefined : Math.max(0, (moment - Date.now()) / 1000);
}

export async function result<Answer extends object>(
  outcome: Response | NoAnswer,
  call: Call,
  attempts: number,
): Promise<Answer> {
  if (!(outcome instanceof Response)) throw outcome;
  const notes = notesFrom(outcome, attempts);
  const text = await outcome.text().catch((error: unknown) => {
    throw new NoAnswer(`the connection broke: ${String(error)}`, { cause: error });
  });
  const answer = parsed(text);
  if (!isAnswer(outcome, call)) {
    throw refusal(problemOf(answer, text, outcome), notes, retryAfter(outcome));
  }
  if (answer === undefined) {
    throw new UnexpectedAnswer(`${outcome.url} answered otherwise than documented: ${text.slice(0, QUOTED)}`);
  }
  return withNotes(answer as Answer, notes);
}

function parsed(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Return the problem of an answer; what stands between, such as a proxy, may have answered in its own words. */
function problemOf(answer: object | undefined, text: string, response: Response): Problem {
  const said: Partial<Problem> = answer ?? { detail: text.slice(0, QUOTED) };
  return {
    ...said,
    type: said.type ?? "about:blank",
    title: said.title ?? response.statusText,
    status: response.status,
    detail: said.detail ?? "",
  } as Problem;
}

export async function paused(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(ended, milliseconds);
    const aborted = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    function ended(): void {
      signal?.removeEventListener("abort", aborted);
      resolve();
    }
    signal?.addEventListener("abort", aborted, { once: true });
  });
}
