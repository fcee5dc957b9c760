// What the client throws.
import type { Notes } from "./notes.js";
import type { Problem } from "./types.js";

/** The base of all errors; a write that ended in one may be repeated with its `idempotencyKey`, and happens once. */
export class ClientError extends Error {
  idempotencyKey: string | undefined;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The service was not reached in time, or the connection broke. */
export class NoAnswer extends ClientError {}

/** What answered is not what the service's document says. */
export class UnexpectedAnswer extends ClientError {}

/** The service answered with a problem (RFC 9457). */
export class Refused extends ClientError {
  constructor(
    readonly problem: Problem,
    readonly notes: Notes,
    readonly retryAfter: number | undefined,
  ) {
    super(`${problem.status} ${problem.title}: ${problem.detail}`);
  }

  /** The kind of the problem, which never changes: `urn:ninai:problem:...`. */
  get type(): string {
    return this.problem.type;
  }

  get status(): number {
    return this.problem.status;
  }
}

/** The request breaks a rule; `problem.errors` names the fields. */
export class InvalidRequest extends Refused {}

/** The key is missing or unknown. */
export class NotAuthenticated extends Refused {}

/** The key belongs to another user, or has not the scope. */
export class NotAllowed extends Refused {}

/** This user has no such memory. */
export class NotFound extends Refused {}

/** The idempotency key was used for something else, or a list or a session cannot go on. */
export class Conflicting extends Refused {}

/** The memory was deleted. */
export class Gone extends Refused {}

/** The memory has another version than `ifMatch` says; read it again. */
export class OtherVersion extends Refused {}

/** The service does not offer that. */
export class NotServed extends Refused {}

/** The service failed; its log has the reason under the id of the request. */
export class ServiceFailed extends Refused {}

/** The memories are not available now, or the service has more work than it can do. */
export class TemporarilyUnavailable extends Refused {}

type Kind = new (problem: Problem, notes: Notes, retryAfter: number | undefined) => Refused;

const KINDS: Readonly<Record<number, Kind>> = {
  401: NotAuthenticated,
  403: NotAllowed,
  404: NotFound,
  409: Conflicting,
  410: Gone,
  412: OtherVersion,
  429: TemporarilyUnavailable,
  501: NotServed,
  502: TemporarilyUnavailable,
  503: TemporarilyUnavailable,
  504: TemporarilyUnavailable,
};
const SERVER_ERRORS = 500;

export function refusal(problem: Problem, notes: Notes, retryAfter: number | undefined): Refused {
  const kind = KINDS[problem.status] ?? (problem.status >= SERVER_ERRORS ? ServiceFailed : InvalidRequest);
  return new kind(problem, notes, retryAfter);
}
