import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify';
import { PlantRefusal } from '#shared/contract/plant/common.ts';
import type { Access, Endpoint } from '#shared/contract/plant/endpoint.ts';
import { plantEndpoints } from '#shared/contract/plant/endpoints.ts';
import type { Cookies } from './cookies.ts';
import type { AllHandlers, SessionContext } from './session-context.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Of an endpoint of the contract. */
    readonly call?: string;
    readonly endpoint?: Endpoint;
  }
}

/** Of a body without a limit of its own; messages of people are small. */
const DEFAULT_MAX_BYTES = 256 * 1024;

/** As the table of endpoints has it once each call's own types are left behind. */
type AnyHandler = (
  request: { readonly params: unknown; readonly query: unknown; readonly body: unknown },
  context: SessionContext,
) => Promise<unknown>;

export interface RouteParts {
  readonly cookies: Cookies;
  readonly now: () => Date;
}

/** Every entry of the contract's table becomes a route; a handler that is missing does not compile. */
export function bindEndpoints(app: FastifyInstance, handlers: AllHandlers, parts: RouteParts): void {
  // The types of each call were held against the contract where `handlers` was made.
  const table = handlers as unknown as Readonly<Record<string, AnyHandler>>;
  for (const [call, endpoint] of Object.entries<Endpoint>(plantEndpoints)) {
    const handler = table[call];
    if (handler === undefined) throw new TypeError(`no handler for ${call}`);
    app.route({
      method: endpoint.method,
      url: endpoint.path,
      bodyLimit: endpoint.maxBytes ?? DEFAULT_MAX_BYTES,
      config: { call, endpoint },
      schema: schemaOf(call, endpoint),
      preValidation: async (request) => {
        if (endpoint.bytes !== 'body') request.body ??= {};
        else if (!(request.body instanceof Uint8Array)) request.body = new Uint8Array();
      },
      handler: async (request, reply) => {
        const { params, query, body } = request;
        const answer = await handler({ params, query, body }, contextOf(request, reply, parts));
        if (answer instanceof Uint8Array)
          return reply
            .type('application/octet-stream')
            .send(Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength));
        return answer;
      },
    });
  }
}

export function bodyLimitOf(request: FastifyRequest): number {
  return request.routeOptions.bodyLimit ?? DEFAULT_MAX_BYTES;
}

function contextOf(request: FastifyRequest, reply: FastifyReply, { cookies, now }: RouteParts): SessionContext {
  return {
    caller: request.caller,
    now: now(),
    remote: request.ip,
    token: request.caller.kind === 'person' ? cookies.read(request) : null,
    keep: (token) => cookies.keep(reply, token),
    drop: () => cookies.drop(reply),
  };
}

/** Also what the OpenAPI document says of the call. */
function schemaOf(call: string, endpoint: Endpoint): FastifySchema {
  const hasBody = endpoint.method === 'POST';
  return {
    operationId: call,
    summary: endpoint.summary,
    description: accessText(endpoint.access),
    tags: [call.split('.', 1)[0] ?? call],
    security: securityOf(endpoint.access),
    params: endpoint.params,
    querystring: endpoint.query,
    ...(hasBody && endpoint.bytes !== 'body' ? { body: endpoint.body } : {}),
    response: { ...(endpoint.bytes === 'answer' ? {} : { 200: endpoint.answer }), default: PlantRefusal },
  };
}

function securityOf(access: Access): readonly Record<string, readonly string[]>[] {
  if (access === 'none') return [];
  return [access === 'station' ? { station: [] } : { session: [] }];
}

function accessText(access: Access): string {
  if (access === 'none') return 'For anybody.';
  if (access === 'station') return 'For stations.';
  if (access === 'any') return 'For whoever is signed in.';
  return `For these roles: ${access.join(', ')}.`;
}
