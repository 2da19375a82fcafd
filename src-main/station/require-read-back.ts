import { FlashlineError } from '#shared/model/failure.ts';
import type { Outcome } from '../programmer/carry-out-input.ts';
import type { ReleaseFacts } from './engine.ts';

/** Invariant 4, held once more where the verdict is made: every image was read back and is the release's. */
export function requireReadBack({ images }: Pick<ReleaseFacts, 'images'>, readBack: Outcome['readBack']): void {
  for (const image of images) {
    if (readBack[image.role] === image.sha256) continue;
    const cause = `${image.role} was not proven by read-back: ${readBack[image.role] ?? 'nothing was read'}`;
    throw new FlashlineError('internal', { cause });
  }
}
