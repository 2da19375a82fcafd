import type { FastifyInstance } from 'fastify';
import { API } from '#shared/contract/plant/common.ts';
import { FlashlineError } from '#shared/model/failure.ts';

/** The place of the signing service (`src-plant/signing`): until there is one, every call of it says so. */
export function signingRoutes(app: FastifyInstance): void {
  app.all(`${API}/signing/*`, { schema: { hide: true }, config: { limited: true } }, () => {
    throw new FlashlineError('signing-unavailable');
  });
}
