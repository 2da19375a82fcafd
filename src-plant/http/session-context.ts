import type { AnswerOf, RequestOf } from '#shared/contract/plant/endpoint.ts';
import type { PlantCall, PlantEndpoints } from '#shared/contract/plant/endpoints.ts';
import type { CallContext, Handlers } from './handlers.ts';

/** What only calls about the session itself get to see and do. */
export interface SessionContext extends CallContext {
  /** The address that the call came from. */
  readonly remote: string;
  /** The session's own token, where a person is signed in. */
  readonly token: string | null;
  /** Hands the browser its cookie with the answer. */
  readonly keep: (token: string) => void;
  /** Takes the cookie away with the answer. */
  readonly drop: () => void;
}

export type SessionCall = Extract<PlantCall, `session.${string}`>;

export type SessionHandlers = {
  readonly [K in SessionCall]: (
    request: RequestOf<PlantEndpoints[K]>,
    context: SessionContext,
  ) => Promise<AnswerOf<PlantEndpoints[K]>>;
};

export type AllHandlers = Handlers<Exclude<PlantCall, SessionCall>> & SessionHandlers;
