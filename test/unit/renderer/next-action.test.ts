import { describe, expect, it } from 'vitest';
import type { SlotState, StationState } from '#shared/contract/station.ts';
import { emptySlot } from '#main/station/slot.ts';
import { patternExample } from '#renderer/parts/format.ts';
import { nextAction, nextSlot } from '#renderer/stores/next-action.ts';

const empty = (name: string): SlotState => emptySlot({ id: name, name, probe: 'bench:nrf52840' });

function station(slots: SlotState[], change: Partial<StationState> = {}): StationState {
  return {
    station: 's',
    operator: 'o',
    order: null,
    orders: [],
    appVersion: '1',
    mode: 'bench',
    release: {
      digest: '',
      product: { id: 'p', revision: 'A', name: 'P' },
      chip: 'c',
      images: [],
      serialPattern: '^A$',
    },
    autoStart: false,
    slots,
    samples: [],
    interrupted: [],
    ...change,
  };
}

const keyOf = (state: StationState): string => nextAction({ connection: 'open', station: state }).key;

describe('what to do next', () => {
  it('puts a lost connection before everything, and a host that is new apart', () => {
    expect(nextAction({ connection: 'lost', station: station([empty('1')]) }).key).toBe('lost');
    expect(nextAction({ connection: 'locked-out', station: null }).key).toBe('locked_out');
  });

  it('asks for a scan, and names the slot where the scan itself starts the run', () => {
    expect(keyOf(station([empty('1')]))).toBe('scan');
    const slots = [{ ...empty('1'), phase: 'running' as const }, empty('2')];
    const action = nextAction({ connection: 'open', station: station(slots, { autoStart: true }) });
    expect(action).toMatchObject({ key: 'scan_auto', params: { slot: '2' } });
  });

  it('asks for a badge before anything else, and names every slot that one will release', () => {
    const waits = (name: string): SlotState => ({ ...empty(name), phase: 'running', waitsFor: ['supervisor'] });
    const ready = { ...empty('2'), phase: 'ready' as const, serial: 'A' };
    const action = nextAction({ connection: 'open', station: station([waits('1'), ready, waits('3')]) });
    expect(action).toEqual({ key: 'badge_many', params: { slots: '1, 3' }, tone: 'act' });
    expect(keyOf(station([waits('1'), ready]))).toBe('badge_one');
  });

  it('asks to start what is ready before it asks to take off what is finished', () => {
    const finished = { ...empty('1'), phase: 'finished' as const, verdict: 'PASS' as const, finishedAt: '2026-01-01' };
    const ready = { ...empty('2'), phase: 'ready' as const, serial: 'A' };
    expect(keyOf(station([finished, ready]))).toBe('start_one');
    expect(keyOf(station([ready, { ...ready, id: '3', name: '3' }]))).toBe('start_many');
    expect(keyOf(station([finished, empty('2')]))).toBe('remove_PASS');
  });

  it('speaks of the newest verdict', () => {
    const slot = (name: string, verdict: 'PASS' | 'FAIL', finishedAt: string): SlotState => ({
      ...empty(name),
      phase: 'finished',
      verdict,
      finishedAt,
    });
    const slots = [slot('1', 'FAIL', '2026-01-01T00:00:02Z'), slot('2', 'PASS', '2026-01-01T00:00:01Z')];
    expect(nextAction({ connection: 'open', station: station(slots) })).toMatchObject({
      key: 'remove_FAIL',
      params: { slot: '1' },
    });
    expect(nextSlot(slots)?.id).toBe('2');
  });

  it('says to wait only when no slot can take a scan', () => {
    const running = { ...empty('1'), phase: 'running' as const };
    expect(keyOf(station([running, { ...running, id: '2' }]))).toBe('wait');
    expect(keyOf(station([running]))).toBe('wait');
    expect(keyOf(station([running, empty('2')]))).toBe('scan');
  });

  it('passes over slots without a probe, and asks for one when none has any', () => {
    const bare = { ...empty('1'), attached: 'no' as const };
    expect(nextSlot([bare, empty('2')])?.id).toBe('2');
    expect(keyOf(station([bare, empty('2')]))).toBe('scan');
    expect(keyOf(station([bare, { ...bare, id: '2', attached: 'denied' }]))).toBe('no_probe');
  });

  it('comes after interrupted runs and a missing release', () => {
    expect(keyOf(station([empty('1')], { release: null }))).toBe('no_release');
  });
});

describe('a serial’s pattern as an example', () => {
  it.each([
    ['^HB[0-9]{6}$', 'HB000000'],
    [String.raw`^A\d-[A-Z]{2}\d{3}$`, 'A0-AA000'],
    ['^(A|B)[0-9]+$', '^(A|B)[0-9]+$'],
  ])('%s', (pattern, example) => {
    expect(patternExample(pattern)).toBe(example);
  });
});
