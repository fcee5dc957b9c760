// What the service says about an answer beside the answer itself, in headers.

export interface Notes {
  /** The HTTP status. */
  readonly status: number;
  /** Whether a write is durable, but not yet confirmed by the first provider (202). */
  readonly accepted: boolean;
  /** Why the answer is less than it could be, one word each; empty as a rule. */
  readonly degraded: readonly string[];
  /** Who answered. */
  readonly provider: string | undefined;
  /** `strong`, or `eventual` where acknowledged writes may be missing. */
  readonly consistency: string | undefined;
  /** After a write: the position of the session, for `memorySession` of a later read. */
  readonly memorySession: string | undefined;
  /** The version of the one memory in the answer, for `ifMatch` of a later write. */
  readonly etag: string | undefined;
  /** The id under which the service's log has the request. */
  readonly requestId: string | undefined;
  /** How often the request was sent. */
  readonly attempts: number;
}

const kept = new WeakMap<object, Notes>();

/** Return what the service said about an answer of the client. */
export function notesOf(answer: object): Notes {
  const notes = kept.get(answer);
  if (notes === undefined) throw new TypeError("this is no answer of the client");
  return notes;
}

export function withNotes<Answer extends object>(answer: Answer, notes: Notes): Answer {
  kept.set(answer, notes);
  return answer;
}

const ACCEPTED = 202;

export function notesFrom(response: Response, attempts: number): Notes {
  const said = (name: string): string | undefined => response.headers.get(name) ?? undefined;
  const reasons = (said("Memory-Degraded") ?? "").split(",").map((reason) => reason.trim());
  return {
    status: response.status,
    accepted: response.status === ACCEPTED,
    degraded: reasons.filter((reason) => reason !== ""),
    provider: said("Memory-Provider"),
    consistency: said("Memory-Consistency"),
    memorySession: said("Memory-Session"),
    etag: said("ETag"),
    requestId: said("X-Request-ID"),
    attempts,
  };
}
