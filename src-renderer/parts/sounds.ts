import type { Verdict } from '#shared/model/failure.ts';

export type Sound = Verdict | 'accepted' | 'refused';

/** Frequency in hertz, start and length in seconds. */
type Note = readonly [hertz: number, at: number, length: number];

/** Told apart by melody, not only by pitch: up for good, low and long for bad, to and fro for a call. */
const MELODIES: Readonly<Record<Sound, readonly Note[]>> = {
  accepted: [[1320, 0, 0.06]],
  refused: [
    [330, 0, 0.12],
    [330, 0.18, 0.12],
  ],
  PASS: [
    [660, 0, 0.12],
    [880, 0.12, 0.12],
    [1320, 0.24, 0.22],
  ],
  FAIL: [
    [220, 0, 0.35],
    [165, 0.4, 0.55],
  ],
  ERROR: [
    [587, 0, 0.16],
    [440, 0.18, 0.16],
    [587, 0.36, 0.16],
    [440, 0.54, 0.16],
  ],
  ABORTED: [
    [440, 0, 0.12],
    [330, 0.14, 0.18],
  ],
  INTERRUPTED: [
    [587, 0, 0.16],
    [440, 0.18, 0.16],
  ],
};

const VOLUME = 0.25;

/** Tones without files. A browser lets a page sound only after a first key or touch; until then it stays silent. */
export class Sounds {
  #audio: AudioContext | null = null;

  /** To be called from a key or touch. */
  unlock(): void {
    this.#audio ??= new AudioContext();
    if (this.#audio.state === 'suspended') void this.#audio.resume();
  }

  play(sound: Sound): void {
    const audio = this.#audio;
    if (audio === null || audio.state !== 'running') return;
    for (const [hertz, at, length] of MELODIES[sound]) {
      const begin = audio.currentTime + at;
      const gain = audio.createGain();
      gain.gain.setValueAtTime(0, begin);
      gain.gain.linearRampToValueAtTime(VOLUME, begin + 0.01);
      gain.gain.setValueAtTime(VOLUME, begin + length - 0.02);
      gain.gain.linearRampToValueAtTime(0, begin + length);
      const tone = audio.createOscillator();
      tone.type = sound === 'FAIL' ? 'square' : 'triangle';
      tone.frequency.value = hertz;
      tone.connect(gain).connect(audio.destination);
      tone.start(begin);
      tone.stop(begin + length);
    }
  }
}
