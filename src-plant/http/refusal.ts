import { hasZodFastifySchemaValidationErrors } from '@fastify/type-provider-zod';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { PlantRefusal } from '#shared/contract/plant/common.ts';
import { type Failure, FlashlineError, toFailure } from '#shared/model/failure.ts';
import { DatabaseError } from '../database/database.ts';
import { statusOf } from './failure-status.ts';
import { bodyLimitOf } from './routes.ts';

/** A failure in words; the same texts as the station's screens have. */
export type DescribeFailure = (failure: Failure) => { readonly message: string; readonly remedy: string };

/** Class 22, as far as a value that was sent brings it about: out of range, or no text that PostgreSQL can hold. */
const UNFIT_VALUES = new Set(['22003', '22008', '22021', '22P05']);

/** Every answer that is not 2xx is a PlantRefusal; what was underneath stays in the log. */
export function refuseInWords(app: FastifyInstance, describe: DescribeFailure): void {
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const failure = failureOf(error, request);
    const status = statusOf(failure);
    if (status >= 500) request.log.error({ code: failure.code, cause: causeOf(error) }, 'a call failed');
    return sendRefusal(reply, failure, describe);
  });
  app.setNotFoundHandler((request, reply) =>
    sendRefusal(reply, new FlashlineError('not-found', { params: { what: pathOf(request) } }).failure, describe),
  );
}

export function sendRefusal(reply: FastifyReply, failure: Failure, describe: DescribeFailure): FastifyReply {
  const { cause: _, ...told } = failure;
  const { message, remedy } = describe(told);
  const body: PlantRefusal = { failure: told, message, remedy };
  if (failure.code === 'too-many-requests') reply.header('retry-after', failure.params['seconds'] ?? '1');
  // Past any answer schema of the route: this is text already.
  return reply
    .code(statusOf(failure))
    .type('application/json; charset=utf-8')
    .serializer(String)
    .send(JSON.stringify(body));
}

export function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '';
}

function failureOf(error: FastifyError, request: FastifyRequest): Failure {
  if (error instanceof FlashlineError) return error.failure;
  if (hasZodFastifySchemaValidationErrors(error)) return badRequest(issuesOf(error));
  if (error instanceof DatabaseError) return databaseFailure(error);
  if (error.statusCode === 413) return tooLarge(bodyLimitOf(request)).failure;
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500)
    return badRequest(error.message);
  return toFailure(new FlashlineError('internal', { cause: error }));
}

export function tooLarge(limit: number): FlashlineError {
  return new FlashlineError('too-large', { params: { limit: `${limit} bytes` } });
}

function databaseFailure(error: DatabaseError): Failure {
  return UNFIT_VALUES.has(error.code)
    ? badRequest('a value is out of range, or has characters that cannot be kept')
    : new FlashlineError('internal', { cause: error }).failure;
}

function badRequest(detail: string): Failure {
  return new FlashlineError('bad-request', { params: { detail } }).failure;
}

const MAX_ISSUES = 5;

/** Where and what, never the value: it may be a password. */
function issuesOf({
  validation,
}: {
  readonly validation: readonly { instancePath: string; message?: string }[];
}): string {
  return validation
    .slice(0, MAX_ISSUES)
    .map(
      ({ instancePath, message }) =>
        `${instancePath === '' ? 'the whole' : instancePath}: ${message ?? 'does not fit'}`,
    )
    .join('; ');
}

/** For the log: names and messages all the way down, no stack of values. */
function causeOf(error: Error): string {
  const below = error.cause instanceof Error ? `: ${causeOf(error.cause)}` : '';
  return `${error.name} ${error.message}${below}`;
}
