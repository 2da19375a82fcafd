import { describe, expect, it } from 'vitest';
import { refuseSender } from '#main/app/electron-sender.ts';
import type { Sender } from '#main/app/electron-sender.ts';

const ours = { id: 7, mainFrame: { frameTreeNodeId: 3 } };
type Frame = NonNullable<Sender['senderFrame']>;
const top: Frame = { url: 'flashline://app/', origin: 'flashline://app', parent: null, frameTreeNodeId: 3 };

function refusal(frame: Frame | null, id = 7): string | null {
  return refuseSender({ sender: { id }, senderFrame: frame }, ours);
}

describe('who may speak to the host', () => {
  it('is the top frame of our window on our origin', () => {
    expect(refusal(top)).toBeNull();
    expect(refusal({ ...top, url: 'flashline://app/index.html#records' })).toBeNull();
  });

  it.each<[string, Frame | null, number]>([
    ['another window', top, 8],
    ['a frame that is gone', null, 7],
    ['a frame inside the page', { ...top, parent: {} as Frame['parent'] }, 7],
    ['a top frame that is not ours', { ...top, frameTreeNodeId: 4 }, 7],
    ['our window on another site', { ...top, url: 'https://evil.example/', origin: 'https://evil.example' }, 7],
    ['an empty document with our origin', { ...top, url: 'about:blank' }, 7],
    ['an opaque origin at our address', { ...top, origin: 'null' }, 7],
    ['a host that only begins like ours', { ...top, url: 'flashline://app.evil/', origin: 'flashline://app.evil' }, 7],
    ['a file', { ...top, url: 'file:///app/', origin: 'file://' }, 7],
  ])('is not %s', (_what, frame, id) => {
    expect(refusal(frame, id)).toEqual(expect.any(String));
  });
});
