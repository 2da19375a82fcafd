/** The script of the thread that makes backups. */
import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import { BackupDesk } from '../log/backup-desk.ts';
import { serve } from '../log/worker/serve.ts';

const Data = z.object({ file: z.string(), folder: z.string() });
export type BackupThreadData = z.infer<typeof Data>;
export type BackupThread = { readonly backup: BackupDesk };

if (parentPort === null) throw new Error('backup-thread.ts is the script of a worker thread');
const { file, folder } = Data.parse(workerData);
serve(parentPort, (): BackupThread => ({ backup: new BackupDesk(file, folder) }));
