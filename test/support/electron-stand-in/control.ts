import { z } from 'zod';

/** What the stand-in tells the test that started it. */
export const Told = z.discriminatedUnion('type', [
  z.object({ type: z.literal('browser'), endpoint: z.string() }),
  z.object({ type: z.literal('loaded'), url: z.string() }),
  z.object({ type: z.literal('focused') }),
  z.object({ type: z.literal('shown') }),
  z.object({
    type: z.literal('dialog'),
    id: z.number(),
    message: z.string(),
    detail: z.string(),
    buttons: z.array(z.string()),
  }),
  z.object({ type: z.literal('error-box'), title: z.string(), content: z.string() }),
]);
export type Told = z.infer<typeof Told>;

/** What a test does to the app from outside, as a user or the system would. */
export const Asked = z.discriminatedUnion('type', [
  z.object({ type: z.literal('answer'), id: z.number(), response: z.number() }),
  z.object({ type: z.literal('close-window') }),
  z.object({ type: z.literal('quit') }),
  z.object({ type: z.literal('crash-page') }),
  /** Sends on a channel from the isolated world of the top frame or of the first frame inside it, past the preload. */
  z.object({
    type: z.literal('forge'),
    from: z.enum(['top', 'inner']),
    channel: z.string(),
    args: z.array(z.unknown()),
  }),
]);
export type Asked = z.infer<typeof Asked>;

/** The test's hand on the stand-in: Node's own channel between parent and child; absent when started by hand. */
export class Control {
  readonly #listeners = new Set<(asked: Asked) => void>();

  constructor() {
    process.on('message', (message) => {
      const asked = Asked.parse(message);
      for (const listener of this.#listeners) listener(asked);
    });
  }

  get attended(): boolean {
    return process.send !== undefined;
  }

  tell(told: Told): void {
    process.send?.(told);
  }

  onAsked(listener: (asked: Asked) => void): void {
    this.#listeners.add(listener);
  }
}
