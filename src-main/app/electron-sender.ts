import type { WebContents, WebFrameMain } from 'electron';
import { ORIGIN, isOurs } from './electron-protocol.ts';

type Frame = Pick<WebFrameMain, 'url' | 'origin' | 'parent' | 'frameTreeNodeId'>;
type Contents = Pick<WebContents, 'id'> & { readonly mainFrame: Pick<WebFrameMain, 'frameTreeNodeId'> };

export interface Sender {
  readonly sender: Pick<WebContents, 'id'>;
  readonly senderFrame: Frame | null;
}

/**
 * Why a message must not be listened to, or null when it comes from our own page: the top frame of our window, showing
 * our origin, still there. Anything else is a frame that found its way in.
 */
export function refuseSender({ sender, senderFrame }: Sender, ours: Contents): string | null {
  if (sender.id !== ours.id) return 'it comes from another window';
  if (senderFrame === null) return 'its frame is gone';
  if (senderFrame.parent !== null || senderFrame.frameTreeNodeId !== ours.mainFrame.frameTreeNodeId) {
    return 'it comes from a frame inside the page';
  }
  if (senderFrame.origin !== ORIGIN || !isOurs(senderFrame.url)) return `it comes from ${senderFrame.origin}`;
  return null;
}
