import type { PreloadPort } from '#shared/contract/preload.ts';
import type { ClientPort } from './client.ts';

declare global {
  interface Window {
    /** Put there by the desktop shell's preload script; absent in a browser. */
    readonly flashline?: PreloadPort;
  }
}

/** The desktop shell's pipe. It lives as long as the page; closing it only stops listening. */
export function preloadPort(pipe: PreloadPort): ClientPort {
  const stops: (() => void)[] = [];
  return {
    send: (message) => pipe.send(message),
    onMessage: (listener) => stops.push(pipe.onMessage(listener)),
    onClose: () => undefined,
    close: () => stops.forEach((stop) => stop()),
  };
}
