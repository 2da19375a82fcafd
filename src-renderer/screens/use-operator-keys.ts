import { useEffect, useLayoutEffect, useRef, useState, type RefObject } from 'react';
import { listenToWedge } from '../parts/keyboard-wedge.ts';
import { useActions } from '../parts/station-context.ts';

/** Some scanners end with two Enters; within this time after a code the second is not a person's, in milliseconds. */
const AFTER_SCAN_MS = 300;

export interface OperatorKeys {
  readonly field: RefObject<HTMLInputElement | null>;
  readonly text: string;
  readonly setText: (text: string) => void;
  readonly enter: () => void;
}

/** The screen's keyboard: scanner, typing, Enter and Esc, wherever the focus is. */
export function useOperatorKeys(): OperatorKeys {
  const actions = useActions();
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState('');
  const latest = useRef('');
  const scannedAt = useRef(Number.NEGATIVE_INFINITY);

  const take = (code: string): void => {
    scannedAt.current = performance.now();
    setText('');
    // Out of the text field again: an input method must not stand between the scanner and us.
    field.current?.blur();
    if (code.trim() !== '') void actions.scan(code.trim());
  };
  const enter = (): void => {
    if (latest.current.trim() !== '') take(latest.current);
    else if (performance.now() - scannedAt.current > AFTER_SCAN_MS) void actions.startReady();
  };
  const handlers = useRef({ take, enter });
  useLayoutEffect(() => {
    latest.current = text;
    handlers.current = { take, enter };
  });

  useEffect(
    () =>
      listenToWedge(document, {
        scanned: (code) => handlers.current.take(code.slice(0, 256)),
        typed: (typed) => {
          setText((before) => before + typed);
          field.current?.focus();
        },
        entered: (typed) => handlers.current.take(latest.current + typed),
      }),
    [],
  );

  useEffect(() => {
    const down = (event: KeyboardEvent): void => {
      if (event.key === 'Enter' && !isControl(event.target)) handlers.current.enter();
      if (event.key === 'Escape') escape(() => latest.current !== '', setText);
    };
    document.addEventListener('keydown', down);
    document.addEventListener('click', letGo);
    return () => {
      document.removeEventListener('keydown', down);
      document.removeEventListener('click', letGo);
    };
  }, []);

  return { field, text, setText, enter };
}

/** A control that a finger or mouse has pressed gives up the focus: the next Enter belongs to the next step, not to it. */
function letGo({ detail, target }: MouseEvent): void {
  const control = target instanceof Element ? target.closest<HTMLElement>('button') : null;
  if (detail > 0 && control === document.activeElement) control?.blur();
}

/** Esc clears what was typed, else asks about aborting: the slot that has the focus, else the first that runs. */
function escape(hasText: () => boolean, setText: (text: string) => void): void {
  if (hasText()) return setText('');
  const focused = document.activeElement?.closest('[data-slot]');
  const button =
    focused?.querySelector<HTMLElement>('[data-part="abort"]') ??
    document.querySelector<HTMLElement>('[data-part="abort"]');
  button?.click();
}

function isControl(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('button, input, a, [role="button"]');
}
