import { expect, it } from 'vitest';
import { FlashlineError } from '#shared/model/failure.ts';
import { Troubles, troublesState } from '#main/station/troubles.ts';

const aside = (file: string) => new FlashlineError('log-set-aside', { params: { file, detail: 'x' } }).failure;
const slow = new FlashlineError('log-slow', { params: { file: 'f', ms: '120' } }).failure;

it('are the newest of each code, until somebody has seen them; each that comes is told', () => {
  const troubles = new Troubles();
  troubles.add(aside('before anybody listens'));
  let told = 0;
  troubles.changed = () => told++;
  troubles.add(aside('a'));
  troubles.add(new FlashlineError('log-end-lost', { params: { first: '7', last: '9' } }).failure);
  troubles.add(aside('b'));
  expect(troubles.list.map(({ code, params }) => [code, params['file']])).toEqual([
    ['log-set-aside', 'b'],
    ['log-end-lost', undefined],
  ]);
  expect(troublesState(troubles).troubles).toHaveLength(2);
  troubles.seen('log-set-aside');
  expect(troubles.list.map(({ code }) => code)).toEqual(['log-end-lost']);
  troubles.seen('log-end-lost');
  expect(told).toBe(3);
  expect(troublesState(troubles)).toEqual({});
  expect(troublesState(undefined)).toEqual({});
});

it('are nothing that a slot shows, or that helps nobody who stands there', () => {
  const troubles = new Troubles();
  troubles.add(slow);
  troubles.add(new FlashlineError('plant-unreachable', { params: { url: 'https://plant' } }).failure);
  troubles.add({ ...aside('a'), where: { slot: '1' } });
  expect(troubles.list).toEqual([]);
});
