import { assertNever } from '#shared/base/assert-never.ts';
import type { SlotState } from '#shared/contract/station.ts';
import type { RunEvent } from '#shared/model/run-event.ts';
import { noisyHz } from '#shared/model/unit-record.ts';
import type { SlotOptions } from './options.ts';
import type { RunEnd } from './run.ts';

const REST = {
  serial: null,
  rework: false,
  run: null,
  uid: null,
  steps: [],
  progress: null,
  startedAt: null,
  finishedAt: null,
  elapsedMs: 0,
  cancelling: false,
  verdict: null,
  failure: null,
  pages: null,
  noisyHz: null,
  waitsFor: null,
} as const;

/** The states of one slot; each is made anew, never changed in place. */
export function emptySlot({ id, name, probe, attached = 'unknown' }: SlotOptions & Partial<SlotState>): SlotState {
  return { id, name, probe, attached, phase: 'empty', ...REST, steps: [] };
}

export function withUnit(slot: SlotState, serial: string, rework: boolean): SlotState {
  return { ...emptySlot(slot), phase: 'ready', serial, rework };
}

export function asRunning(slot: SlotState, rework: boolean): SlotState {
  return { ...slot, phase: 'running', rework };
}

/** The slot after one of its run's events. `run.finished` alone does not finish it: `withEnd` does. */
export function afterEvent(slot: SlotState, event: RunEvent, elapsedMs: number): SlotState {
  const now = { ...slot, elapsedMs };
  switch (event.type) {
    case 'run.started':
      return { ...now, run: event.run, startedAt: event.at };
    case 'unit.identified':
      return { ...now, uid: event.uid, noisyHz: noisyHz(event.reach) };
    case 'plan.ready':
      return { ...now, pages: event.pages ?? null };
    case 'unit.signed':
    case 'unit.given':
    case 'run.finished':
      return now;
    case 'lock.waiting':
      return { ...now, waitsFor: event.roles };
    case 'lock.released':
      return { ...now, waitsFor: null };
    case 'step.started':
      return { ...now, progress: null, steps: withStep(slot.steps, event.step, null) };
    case 'step.progress':
      return { ...now, progress: { done: event.done, total: event.total } };
    case 'step.finished':
      return { ...now, progress: null, steps: withStep(slot.steps, event.step, event.ms) };
    default:
      return assertNever(event, 'run event');
  }
}

/** `finishedAt` and the failure come with the run's end, once its record is on disk. */
export function withEnd(slot: SlotState, end: RunEnd, finishedAt: string): SlotState {
  return {
    ...slot,
    phase: 'finished',
    run: end.run,
    progress: null,
    cancelling: false,
    waitsFor: null,
    finishedAt,
    verdict: end.verdict,
    failure: end.failure,
    noisyHz: noisyHz(end.record?.reach) ?? slot.noisyHz,
  };
}

/** A step that comes again (one role after another) stands once: at its first place, with its newest time. */
function withStep(steps: SlotState['steps'], step: SlotState['steps'][number]['step'], ms: number | null) {
  const known = steps.findIndex((entry) => entry.step === step);
  return known < 0 ? [...steps, { step, ms }] : steps.with(known, { step, ms });
}
