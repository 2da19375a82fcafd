import UploadFile from '@mui/icons-material/UploadFile';
import Box from '@mui/material/Box';
import { useState, type DragEvent, type ReactNode } from 'react';
import { COLORS } from '../theme.ts';

interface FileDropProps {
  /** For screen readers, and for tests. */
  readonly name: string;
  readonly part: string;
  /** As file dialogs take it; left out, any file. */
  readonly accept?: string;
  readonly disabled?: boolean;
  readonly onFile: (file: File) => void;
  readonly children: ReactNode;
}

/** One file, picked or dropped. The same one may be given again, mended. */
export function FileDrop({ name, part, accept, disabled = false, onFile, children }: FileDropProps) {
  const [over, setOver] = useState(false);
  const give = (files: FileList | null): void => {
    const file = files?.[0];
    if (file !== undefined && !disabled) onFile(file);
  };
  return (
    <Box
      component="label"
      data-part={part}
      onDragOver={(event: DragEvent) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event: DragEvent) => {
        event.preventDefault();
        setOver(false);
        give(event.dataTransfer.files);
      }}
      sx={{ ...DROP, bgcolor: over ? '#fff' : COLORS.tile }}
    >
      <UploadFile />
      <Box sx={{ flex: 1 }}>{children}</Box>
      <input
        type="file"
        accept={accept}
        aria-label={name}
        disabled={disabled}
        onChange={(event) => {
          give(event.target.files);
          event.target.value = '';
        }}
      />
    </Box>
  );
}

const DROP = {
  flex: 1,
  display: 'flex',
  alignItems: 'center',
  gap: '0.75rem',
  p: '0.5rem 0.75rem',
  borderRadius: '0.5rem',
  border: `2px dashed ${COLORS.quiet}`,
  cursor: 'pointer',
  minWidth: 0,
} as const;
