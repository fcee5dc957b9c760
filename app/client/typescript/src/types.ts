// The shapes of requests and answers, by the names under which the OpenAPI document has them.
import type { components } from "./api.js";

type Schemas = components["schemas"];

// The user is an option of each call, and travels in a header.
type Body<Request> = Omit<Request, "user_id">;

export type Memory = Schemas["MemoryRecord"];
export type Condition = NonNullable<Schemas["RecallRequest"]["where"]>;
export type Conditions = Pick<
  Schemas["ListRequest"],
  | "where"
  | "session"
  | "agent"
  | "app"
  | "speaker"
  | "created_from"
  | "created_before"
  | "origin"
  | "source_caller"
  | "source_key"
>;
export type Source = Schemas["WriteSource"];

export type NewMemory = Schemas["BatchedMemory"];
export type Message = Schemas["Message"];
/** With `origin`, what the text comes from; with `unless_similar`, nothing is stored if there is one so much like it. */
export type RememberDetails = Omit<Body<Schemas["RememberOneRequest"]>, "content" | "messages">;
export type Remembered = Schemas["RememberResponse"];
export type RememberedMany = Schemas["RememberBatchResponse"];

export type Question = Schemas["RecallRequest"];
/** With `owners`, the users, teams and agents whose memories are meant, up to 8, in place of the user. */
export type RecallDetails = Omit<Question, "query">;
export type Recalled = Schemas["RecallResponse"];
export type RecalledMany = Schemas["RecallBatchResponse"];

export type ListQuery = Body<Schemas["ListRequest"]>;
export type Page = Schemas["ListResponse"];

export type Changes = Body<Schemas["UpdateRequest"]>;
export type Change = Schemas["UpdateBatchRequest"]["changes"][number];
export type UpdatedMany = Schemas["UpdateBatchResponse"];

export type HistoryQuery = { before?: string; limit?: number };
export type History = Schemas["HistoryResponse"];
export type MemoryVersion = Schemas["MemoryVersion"];

export type ChangesQuery = { after?: string; limit?: number; wait?: number };
export type MemoryChanges = Schemas["ChangesResponse"];
export type MemoryChange = Schemas["MemoryChange"];

export type Deleted = Schemas["DeleteResponse"];
export type DeletedMany = Schemas["DeleteBatchResponse"];
export type DeletedMatching = Schemas["DeleteAllResponse"];
export type Matching = Schemas["DryRunResponse"];
export type Erasure = Schemas["ErasureResponse"];
/** With `after`, where an export that was cut off goes on. */
export type ExportQuery = Conditions & { after?: string };
export type ImportQuery = { name?: string };
export type Imported = Schemas["ImportResponse"];

export type KeptDetails = Omit<Body<Schemas["PutKeyRequest"]>, "key" | "content">;
export type Kept = Schemas["PutKeyResponse"];
export type KeyQuery = Body<Schemas["ListKeysRequest"]>;
export type KeyList = Schemas["ListKeysResponse"];
export type Renamed = Schemas["RenameResponse"];

export type Health = Schemas["Health"];
export type Problem = Schemas["Problem"];
