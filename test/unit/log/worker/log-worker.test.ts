import { expect, it } from 'vitest';
import { type Failure, FlashlineError, toFailure } from '#shared/model/failure.ts';
import type { LogOpening } from '#shared/model/log-opening.ts';
import { realClock } from '#main/app/real-clock.ts';
import { LogWorker } from '#main/log/worker/log-worker.ts';
import type { EchoStores } from './echo-thread.ts';

const THREAD = new URL('echo-thread.ts', import.meta.url);

async function start(refuse = false, entry = THREAD) {
  const warnings: Failure[] = [];
  const openings: LogOpening[] = [];
  const shared = new SharedArrayBuffer(4);
  const worker = await LogWorker.start<EchoStores>({
    entry,
    data: { refuse, shared },
    file: 'station.db',
    clock: realClock,
    warn: (failure) => warnings.push(failure),
    opening: (opening) => openings.push(opening),
  });
  const saidAtClose = () => Atomics.load(new Int32Array(shared), 0);
  return { worker, echo: worker.remote('echo'), other: worker.remote('other'), warnings, openings, saidAtClose };
}

const failureOf = (work: Promise<unknown>): Promise<Failure> => work.then(() => expect.fail('it resolved'), toFailure);

it('begins calls in their order, over all that it serves, and answers each', async () => {
  const { worker, echo, other, warnings, openings } = await start();
  expect(openings).toEqual([{ step: 'mend', percent: 42 }]);
  const texts = Array.from({ length: 50 }, (_, index) => `text ${index}`);
  const answers = texts.map((text) => echo.say(text));
  expect(await other.heard()).toEqual(texts);
  expect(await Promise.all(answers)).toEqual(texts);
  expect(warnings).toMatchObject([{ code: 'internal', cause: 'only a warning' }]);
  await worker.close();
});

it('hands a failure over whole: code, place, params and cause', async () => {
  const { worker, echo } = await start();
  const thrown = await echo.fail().catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(FlashlineError);
  expect(toFailure(thrown)).toEqual({
    code: 'log-damaged',
    blame: 'station',
    where: { line: 7 },
    params: { file: 'f', detail: 'd' },
    cause: 'outer: inner',
  });
  expect(String(thrown)).toContain('log-damaged {"line":7,"file":"f","detail":"d"}');
  expect(await failureOf(echo.break())).toMatchObject({ code: 'internal', cause: 'a mistake of our own' });
  expect(await failureOf(echo.unsendable())).toMatchObject({ code: 'internal' });
  expect(await echo.say('still there')).toBe('still there');
  await worker.close();
});

it('rejects what the worker’s opening threw, and what its script is', async () => {
  expect(await failureOf(start(true))).toMatchObject({
    code: 'log-unwritable',
    params: { file: 'f' },
    cause: 'no place',
  });
  const missing = new URL('no-such-thread.ts', import.meta.url);
  expect(await failureOf(start(false, missing))).toMatchObject({
    code: 'log-unwritable',
    params: { file: 'station.db' },
    cause: expect.stringContaining('no-such-thread.ts'),
  });
});

it('answers everything that was asked before it closes, whichever object is closed', async () => {
  const { echo, other, saidAtClose } = await start();
  const late = echo.sayLate('late', 50);
  const closing = other.close();
  const after = failureOf(echo.say('after'));
  expect(await late).toBe('late');
  await closing;
  expect(saidAtClose()).toBe(1);
  expect(await after).toMatchObject({ code: 'log-unwritable', cause: 'it was closed' });
  await other.close();
});

it.each([
  ['exits', 'die', 'its thread ended with 3'],
  ['throws where nobody catches', 'throwOutside', 'thrown where nobody catches'],
] as const)('says plainly that the log cannot be written when its thread %s', async (_, death, cause) => {
  const { worker, echo } = await start();
  const waiting = echo.sayLate('never', 60_000);
  const killed = echo[death]();
  const gone = { code: 'log-unwritable', params: { file: 'station.db' }, cause };
  expect(await failureOf(waiting)).toMatchObject(gone);
  expect(await failureOf(killed)).toMatchObject(gone);
  expect(await failureOf(echo.say('later'))).toMatchObject(gone);
  await worker.close();
});

it('refuses arguments that are no plain data, and goes on', async () => {
  const { worker, echo } = await start();
  expect(await failureOf(echo.count([() => undefined]))).toMatchObject({ code: 'internal' });
  expect(await echo.count([1, 2])).toBe(2);
  await worker.close();
});
