import { describe, expect, it } from 'vitest';
import { Operation } from '#shared/model/plan.ts';
import { conditionOf } from '#shared/model/unit-condition.ts';
import { interruptedDraft } from '#main/log/interrupted.ts';
import { A_DAY, opening } from './fixtures.ts';

const range = { memory: 'flash', address: 0, size: 4096 };
const flag = { address: 0, size: 8 };
const change = (operation: object) =>
  JSON.stringify({ kind: 'change', operation: JSON.stringify(operation), at: A_DAY });
const codeAfter = (...operations: object[]) =>
  interruptedDraft(JSON.stringify(opening('lost')), operations.map(change), A_DAY).failure?.code;

describe('what is on a unit whose run was broken off', () => {
  it.each<[string, string, object[]]>([
    ['interrupted-untouched', 'nothing was changed', []],
    ['interrupted-opening', 'it was being unlocked', [{ op: 'unlock', by: 'mass-erase', found: {} }]],
    ['interrupted', 'its flag was being cleared', [{ op: 'invalidate', role: 'application', ...range, flag }]],
    ['interrupted', 'it was being written', [{ op: 'program', role: 'application', ...range }]],
    ['interrupted', 'its boot loader had been set', [{ op: 'validate', role: 'bootloader', ...range }]],
    ['interrupted-finishing', 'its last flag was being set', [{ op: 'validate', role: 'application', ...range }]],
    [
      'interrupted-locking',
      'it was being locked',
      [{ op: 'lock', step: 'readout-protection', name: 'read-out protection', expected: 'locked' }],
    ],
    ['interrupted', 'a newer version did something else', [{ op: 'polish' }]],
  ])('is told as %s where %s', (code, _words, operations) => {
    expect(codeAfter(...operations)).toBe(code);
  });

  it('and was being locked: who had released it is told', () => {
    const lock = { op: 'lock', step: 'readout-protection', name: 'read-out protection', expected: 'locked' };
    const draft = (operation: object) => interruptedDraft(JSON.stringify(opening('lost')), [change(operation)], A_DAY);
    expect(draft({ ...lock, locksReleasedBy: 'lena' })).toMatchObject({
      locksReleasedBy: 'lena',
      failure: { code: 'interrupted-locking' },
    });
    expect(draft(lock)).not.toHaveProperty('locksReleasedBy');
  });

  it('is never said to be whole where data follow behind the last flag', () => {
    const validate = Operation.parse({ op: 'validate', role: 'bootloader', ...range });
    expect(conditionOf([validate], ['bootloader', 'filesystem'])).toBe('unfinished');
    expect(conditionOf([validate], ['bootloader'])).toBe('finishing');
    expect(conditionOf([validate], ['bootloader', 'application'])).toBe('unfinished');
  });
});
