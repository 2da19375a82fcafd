import { z } from 'zod';

/** Who works with the plant. What each may do stands beside every endpoint, and is enforced in the server. */
export const PlantRole = z.enum(['operator', 'rework', 'supervisor', 'process-engineer', 'quality', 'buyer', 'admin']);
export type PlantRole = z.infer<typeof PlantRole>;

/** `none`: anybody; `station`: a station's session; else a person with one of these roles. `any`: whoever is signed in. */
export type Access = 'none' | 'station' | 'any' | readonly PlantRole[];

/** Which side of a call is bytes, not JSON. */
type Bytes = 'body' | 'answer';

/** How one call of the plant server's HTTP interface is declared: server, clients and OpenAPI document are made of it. */
export interface Endpoint<
  P extends z.ZodType = z.ZodType,
  Q extends z.ZodType = z.ZodType,
  B extends z.ZodType = z.ZodType,
  A extends z.ZodType = z.ZodType,
  Y extends Bytes | undefined = Bytes | undefined,
> {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** With `:name` for each member of `params`. */
  readonly path: string;
  readonly access: Access;
  /** One sentence, for the OpenAPI document. */
  readonly summary: string;
  readonly params: P;
  readonly query: Q;
  /** `bytes` stands for an application/octet-stream body or answer, which the schema then does not describe. */
  readonly body: B;
  readonly answer: A;
  readonly bytes?: Y;
  /** Of the body, unpacked. */
  readonly maxBytes?: number;
}

const Nothing = z.strictObject({});

type Given<
  P extends z.ZodType,
  Q extends z.ZodType,
  B extends z.ZodType,
  A extends z.ZodType,
  Y extends Bytes | undefined,
> = Pick<Endpoint<P, Q, B, A, Y>, 'method' | 'path' | 'access' | 'summary' | 'answer' | 'bytes' | 'maxBytes'> & {
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
};

export function endpoint<
  A extends z.ZodType,
  P extends z.ZodType = typeof Nothing,
  Q extends z.ZodType = typeof Nothing,
  B extends z.ZodType = typeof Nothing,
  const Y extends Bytes | undefined = undefined,
>(given: Given<P, Q, B, A, Y>): Endpoint<P, Q, B, A, Y> {
  // Where a part is left out, its type is Nothing's by default.
  return { params: Nothing, query: Nothing, body: Nothing, ...given } as unknown as Endpoint<P, Q, B, A, Y>;
}

export type Endpoints = Readonly<Record<string, Endpoint>>;

/** As the server's handler gets it, parsed. */
export interface RequestOf<E extends Endpoint> {
  readonly params: z.output<E['params']>;
  readonly query: z.output<E['query']>;
  readonly body: 'body' extends E['bytes'] ? Uint8Array : z.output<E['body']>;
}
export type AnswerOf<E extends Endpoint> = 'answer' extends E['bytes'] ? Uint8Array : z.output<E['answer']>;

/** What a client gives: `params`, `query` and `body` where the endpoint has them. */
export interface CallOf<E extends Endpoint> {
  readonly params?: z.input<E['params']>;
  readonly query?: z.input<E['query']>;
  readonly body?: 'body' extends E['bytes'] ? Uint8Array : z.input<E['body']>;
}
