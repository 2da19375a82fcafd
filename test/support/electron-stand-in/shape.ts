import { EventEmitter } from 'node:events';

/**
 * Members of one of Electron's types, as the stand-in has to have them: a name that Electron does not have, or a member of
 * another type, does not compile. Methods that return their own object may return anything here.
 */
export type Shape<T, K extends keyof T> = {
  readonly [P in K]: T[P] extends (...args: infer A) => infer R ? (...args: A) => R extends T ? unknown : R : T[P];
};

/** The arguments of an event, if Electron's type `T` has such an event with such arguments; else never. */
export type EventsOf<T, M extends Readonly<Record<string, unknown[]>>> = {
  readonly [E in keyof M & string]: T extends { on(event: E, listener: (...args: M[E]) => void): unknown }
    ? M[E]
    : never;
};

/** An emitter that can tell only the events that Electron's type has. */
export class StandInEmitter<M extends Readonly<Record<keyof M, unknown[]>>> extends EventEmitter {
  protected tell<E extends keyof M & string>(event: E, ...args: M[E]): boolean {
    return this.emit(event, ...args);
  }
}

export interface Preventable {
  readonly event: Electron.Event;
  prevented(): boolean;
}

/** An event of Electron's, with `preventDefault` and the given members. */
export function preventable<P extends object>(params: P): { readonly event: Electron.Event & P; prevented(): boolean } {
  let defaultPrevented = false;
  const event = {
    ...params,
    get defaultPrevented() {
      return defaultPrevented;
    },
    preventDefault() {
      defaultPrevented = true;
    },
  };
  return { event, prevented: () => defaultPrevented };
}
