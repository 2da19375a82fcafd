import { createHash } from 'node:crypto';
import { toHex } from '#shared/base/bytes.ts';
import {
  askedDigest,
  MAX_COMMAND_SECONDS,
  UnitDataStatement,
  type UnitDataAnswer,
  type UnitDataRequest,
} from '#shared/contract/plant/command-api.ts';
import { readStatement } from '#shared/contract/plant/read-statement.ts';
import { STATEMENTS } from '#shared/contract/plant/station-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { UnitDataNote } from '#shared/model/unit-record.ts';
import type { Enrolment } from '../log/plant-store.ts';
import { hasCode } from './has-code.ts';
import { insisting, type SigningIo } from './sign-for-unit.ts';

/** The plant says `working` well before that. */
export const UNIT_DATA_MS = 15_000;
/** For a program that takes its whole time, after others that take theirs. */
const PATIENCE_MS = 2 * MAX_COMMAND_SECONDS * 1000;
/** Where `working` comes at once, it is not asked at once again. */
const PAUSE_MS = 250;

/**
 * Has a command of the plant make what one unit is given, always by the same request: however often it arrives there, the command is
 * used once. What comes back is the plant's, for this request, or it is not taken. Rejects with the last failure.
 */
export async function unitDataFromPlant(
  order: Omit<UnitDataRequest, 'request'>,
  enrolment: Enrolment,
  io: SigningIo,
): Promise<{ readonly data: Uint8Array; readonly note: UnitDataNote }> {
  const request: UnitDataRequest = { ...order, request: toHex(io.random(16)) };
  const answer = await madeBy(request, io);
  const wrong = (detail: string) =>
    new FlashlineError('plant-command-wrong', { params: { command: order.command, detail } });
  const key = enrolment.plant.publicKey;
  const said = await readStatement(answer.statement, STATEMENTS.unitData, key, UnitDataStatement);
  if (said === null) throw wrong('it is not signed by the plant');
  const { use, sha256, size, madeAt, again } = said;
  const isOurs =
    said.station === enrolment.station && said.request === request.request && said.asked === askedDigest(request);
  if (!isOurs) throw wrong('it was made for something else');
  const data = new Uint8Array(Buffer.from(answer.data, 'base64'));
  const found = createHash('sha256').update(data).digest('hex');
  if (data.length !== size || found !== sha256) throw wrong('the bytes are not those that the plant signed');
  if (size < order.atLeast || size > order.atMost)
    throw wrong(`it has ${size} bytes, the partition has ${order.atMost}`);
  const { command } = order;
  const plant = enrolment.plant.name;
  return { data, note: { command, plant, request: request.request, use, sha256, size, madeAt, again } };
}

async function madeBy(body: UnitDataRequest, io: SigningIo): Promise<Extract<UnitDataAnswer, { state: 'made' }>> {
  const { session, clock, signal } = io;
  const until = clock.monotonic() + PATIENCE_MS;
  for (;;) {
    const answer = await insisting(io, () =>
      session.call('station.unitData', { body }, { signal, deadlineMs: UNIT_DATA_MS }),
    ).catch((thrown: unknown) => {
      // A plant of before there were commands.
      if (!hasCode(thrown, 'not-found')) throw thrown;
      throw new FlashlineError('plant-data-missing', { params: { command: body.command }, cause: thrown });
    });
    if (answer.state === 'made') return answer;
    if (clock.monotonic() >= until) {
      const detail = `it did not end within ${PATIENCE_MS / 1000} s`;
      throw new FlashlineError('plant-command-failed', { params: { command: body.command, detail } });
    }
    await clock.sleep(PAUSE_MS, signal);
  }
}
