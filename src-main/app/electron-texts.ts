import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const ShellTexts = z.object({
  quitQuestion: z.string(),
  /** `{{slots}}`: names of the slots that run. */
  quitDetail: z.string(),
  quitWhenDone: z.string(),
  quitAbort: z.string(),
  stay: z.string(),
  startFailed: z.string(),
  screenGone: z.string(),
  screenGoneDetail: z.string(),
});
export type ShellTexts = z.infer<typeof ShellTexts>;

/** The system's own dialogs speak the system's language: Simplified Chinese where that is it, else English. */
export function shellTexts(resources: string, locale: string): ShellTexts {
  const language = locale.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en';
  const file = join(resources, 'locales', language, 'shell.json');
  return ShellTexts.parse(JSON.parse(readFileSync(file, 'utf8')));
}
