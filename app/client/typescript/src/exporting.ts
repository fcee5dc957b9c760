// The reading of an export: certain up to its last checkpoint, behind which it goes on if it was cut off.
import { paused, pauseAfter, result, type Call, type Connection } from "./connection.js";
import { ClientError, NoAnswer, UnexpectedAnswer } from "./errors.js";
import type { Problem } from "./types.js";

const QUOTED = 80;

/** What tells how far an export is. */
interface Told {
  kind: string;
  after?: string;
  problem?: Problem;
}

/** Go through the lines of an export that are certain, many at a time, each with its end. */
export async function* exported(connection: Connection, call: Call): AsyncGenerator<string> {
  let wanted = call;
  for (let attempt = 1; ; attempt++) {
    let end: Response | NoAnswer | undefined;
    try {
      for await (const certain of once(connection, wanted)) {
        yield certain.lines;
        if (certain.last.kind === "trailer") return;
        attempt = 1;
        if (certain.last.after !== undefined) wanted = { ...wanted, query: { ...wanted.query, after: certain.last.after } };
      }
      end = new NoAnswer("the export has ended without its trailer");
    } catch (error) {
      if (!(error instanceof Ended)) throw error;
      end = error.by;
    }
    const pause = attempt < connection.attempts ? pauseAfter(end, attempt) : undefined;
    if (pause === undefined) await result(end, wanted, attempt);
    else await paused(pause, call.options?.signal);
  }
}

/** What has ended an answer before its trailer. */
class Ended extends Error {
  constructor(readonly by: Response | NoAnswer) {
    super("the export was cut off");
  }
}

/** Yield what one request brings that is certain: up to a checkpoint, or to the trailer. */
async function* once(connection: Connection, call: Call): AsyncGenerator<{ lines: string; last: Told }> {
  const silence = new AbortController();
  const signal = call.options?.signal;
  let timer = setTimeout(() => silence.abort(), connection.timeout(call));
  try {
    const response = await connection.open(call, signal === undefined ? silence.signal : AbortSignal.any([silence.signal, signal]));
    if (!(response instanceof Response) || !response.ok || response.body === null) throw new Ended(await whole(response));
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    let held = "";
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), connection.timeout(call));
        const lines = (rest + value).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          const last = toldBy(line);
          if (last.problem !== undefined) throw new Ended(answerOf(last.problem));
          held += `${line}\n`;
          if (last.kind !== "checkpoint" && last.kind !== "trailer") continue;
          yield { lines: held, last };
          held = "";
        }
      }
    } finally {
      // Whoever wants no more of it leaves no connection behind.
      await reader.cancel().catch(() => undefined);
    }
  } catch (error) {
    if (error instanceof Ended || error instanceof ClientError || signal?.aborted === true) throw error;
    throw new Ended(new NoAnswer(`the export was cut off: ${String(error)}`, { cause: error }));
  } finally {
    clearTimeout(timer);
  }
}

/** Read an answer that is no export before the time for it is up. */
async function whole(response: Response | NoAnswer): Promise<Response | NoAnswer> {
  if (!(response instanceof Response)) return response;
  const { status, statusText, headers } = response;
  return new Response(await response.text(), { status, statusText, headers });
}

function toldBy(line: string): Told {
  try {
    const told: unknown = JSON.parse(line);
    if (typeof told === "object" && told !== null && "kind" in told) return told as Told;
  } catch {
    // Said below.
  }
  throw new UnexpectedAnswer(`this is no line of an export: ${line.slice(0, QUOTED)}`);
}

/** Return the answer that the problem would have been, had nothing been sent before it. */
function answerOf(problem: Problem): Response {
  return Response.json(problem, { status: problem.status, headers: { "Content-Type": "application/problem+json" } });
}
