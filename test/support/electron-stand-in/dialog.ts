import type { Control } from './control.ts';
import type { Shape } from './shape.ts';

export type StandInDialog = Shape<Electron.Dialog, 'showErrorBox'> & {
  showMessageBox(window: unknown, options: Electron.MessageBoxOptions): Promise<Electron.MessageBoxReturnValue>;
};

/** Dialogs are shown to the test, which answers them; with nobody to ask they are cancelled. */
export function createDialog(control: Control): StandInDialog {
  const waiting = new Map<number, (response: number) => void>();
  let nextId = 1;
  control.onAsked((asked) => (asked.type === 'answer' ? waiting.get(asked.id)?.(asked.response) : undefined));
  return {
    async showMessageBox(_window, { message, detail = '', buttons = [], cancelId = 0 }) {
      if (!control.attended) return { response: cancelId, checkboxChecked: false };
      const id = nextId++;
      const response = await new Promise<number>((resolve) => {
        waiting.set(id, resolve);
        control.tell({ type: 'dialog', id, message, detail, buttons });
      });
      waiting.delete(id);
      return { response, checkboxChecked: false };
    },
    showErrorBox(title, content) {
      control.tell({ type: 'error-box', title, content });
      process.stderr.write(`${title}: ${content}\n`);
    },
  };
}
