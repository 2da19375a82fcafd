import { assertNever } from '#shared/base/assert-never.ts';
import { hexAddress } from '#shared/base/bytes.ts';
import type { RunEvent } from '#shared/model/run-event.ts';
import { noisyHz, type UnitRecord } from '#shared/model/unit-record.ts';
import type { CliContext } from './command.ts';
import { failureLines } from './outcome.ts';
import { REASONS } from './plan-lines.ts';

type Finished = Extract<RunEvent, { type: 'run.finished' }>;

/** A run's events as JSON lines, one object each. */
export function jsonRun(context: CliContext): (event: RunEvent) => void {
  return (event) => context.print(JSON.stringify(event));
}

/** What does not come out of an HSM is never shown without a word about it. */
const NO_PROOF = {
  bench: ': made up for a simulated unit, no signature of the plant’s',
  development: ': A DEVELOPMENT KEY, WHICH PROVES NOTHING',
} as const;

/** A run's events for people: a line a step, and a last block that says it all. */
export function humanRun(context: CliContext): (event: RunEvent) => void {
  const { print, terminal } = context;
  const settle = (line: string) => {
    terminal?.rewrite('');
    print(line);
  };
  return (event) => {
    switch (event.type) {
      case 'run.started':
        print(`Run ${event.run}: unit ${event.serial} on slot ${event.slot}, release ${event.release.slice(0, 12)}`);
        break;
      case 'unit.identified':
        settle(`  the unit is a ${event.chip}${event.uid === null ? '' : ` with hardware id ${event.uid}`}`);
        for (const line of noiseLines(noisyHz(event.reach))) settle(line);
        break;
      case 'unit.signed': {
        const { what, key, algorithm, store } = event.signature;
        settle(`  ${what} signed by the plant’s key ${key} (${algorithm})${store === 'hsm' ? '' : NO_PROOF[store]}`);
        break;
      }
      case 'unit.given': {
        const { command, plant, size, sha256, again } = event.unitData;
        settle(
          `  ${size} bytes by command ${command} of plant ${plant}${again ? ', as before' : ''}: ${sha256.slice(0, 16)}`,
        );
        break;
      }
      case 'plan.ready':
        settle(
          `  ${event.operations.length} operations, ${event.bytesToWrite} bytes to write, ${event.bytesSkipped} kept`,
        );
        for (const { action, reason, bytes } of event.pages ?? [])
          settle(`    ${action === 'keep' ? 'keeps' : 'writes'} ${bytes} bytes in whole pages: ${REASONS[reason]}`);
        break;
      case 'lock.waiting':
        settle(`  written and read back; ${event.roles.join(' or ')} releases by a badge: ${event.steps.join(', ')}`);
        break;
      case 'lock.released':
        settle(`  released by ${event.by}`);
        break;
      case 'step.started':
        terminal?.rewrite(`  ${event.step} ...`);
        break;
      case 'step.progress':
        terminal?.rewrite(`  ${event.step.padEnd(11)}${percent(event.done, event.total)}`);
        break;
      case 'step.finished':
        settle(`  ${event.step.padEnd(11)}${(event.ms / 1000).toFixed(3).padStart(9)} s`);
        break;
      case 'run.finished':
        terminal?.rewrite('');
        for (const line of lastBlock(event)) print(line);
        break;
      default:
        assertNever(event, 'run event');
    }
  };
}

function percent(done: number, total: number): string {
  return `${String(total > 0 ? Math.floor((100 * done) / total) : 100).padStart(4)} %`;
}

function lastBlock(event: Finished): string[] {
  const { verdict, record, code, message, remedy } = event;
  const rule = '-'.repeat(60);
  const head = `${verdict}  ${record?.serial ?? ''}${record ? `  ${secondsOf(record)} s` : ''}`;
  const failure = record?.failure ?? null;
  const text = { ...(message === undefined ? {} : { message }), ...(remedy === undefined ? {} : { remedy }) };
  const why = failure ? failureLines(failure, text) : [];
  // Without a record the log itself is at fault, and the event alone says so.
  if (!failure && code !== undefined) why.push(`  What:   ${message ?? code}`, `  To do:  ${remedy ?? ''}`);
  const noise = noiseLines(noisyHz(record?.reach));
  const kept = record ? [`  Record: ${record.sequence} ${record.hash.slice(0, 16)}`] : [];
  return [rule, head, ...why, ...noise, ...unsignedLines(record), ...partialLines(record), ...kept, rule];
}

function unsignedLines(record: UnitRecord | null): string[] {
  const { by, at } = record?.unsignedAllowed ?? {};
  return by === undefined || at === undefined
    ? []
    : [`  Note:   the release is not signed; allowed by ${by} since ${at}.`];
}

function partialLines(record: UnitRecord | null): string[] {
  const { rot = [], unproven } = record ?? {};
  const lines = rot.map(
    ({ memory, address, size }) =>
      `  Note:   ${size} bytes of ${memory} at ${hexAddress(address)} had been taken for unchanged, were not, and were written.`,
  );
  if (unproven === undefined) return lines;
  return [
    ...lines,
    `  Note:   ${unproven} bytes were not read back: a developer’s re-flash, which counts for nothing.`,
  ];
}

function noiseLines(hz: number | null): string[] {
  if (hz === null) return [];
  return [
    `  Note:   the wires are noisy; their clock was lowered to ${hz / 1000} kHz. Check the cable and the needles.`,
  ];
}

export function secondsOf(record: UnitRecord): string {
  return (record.steps.reduce((sum, step) => sum + step.ms, 0) / 1000).toFixed(3);
}

/** One line of `log show`. */
export function recordLine(record: UnitRecord): string {
  const { sequence, finishedAt, serial, verdict, uid, failure, chip } = record;
  const why = failure ? `  ${failure.code}` : '';
  return `${String(sequence).padStart(6)}  ${finishedAt}  ${verdict.padEnd(11)}  ${serial}  ${chip}  ${uid ?? '-'}${why}`;
}
