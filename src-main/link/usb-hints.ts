import { Emitter } from 'usb/index.js';

/**
 * Calls `poke` when any USB device comes or goes; resolves to what takes that back, rejects where the system tells of
 * nothing. (Through the native emitter: the package's own event target throws such a refusal at the whole process.)
 */
export async function usbHints(poke: () => void): Promise<() => Promise<void>> {
  const emitter = new Emitter();
  const stop = async () => {
    await emitter.removeAttach();
    await emitter.removeDetach();
  };
  try {
    await emitter.addAttach(poke);
    await emitter.addDetach(poke);
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}
