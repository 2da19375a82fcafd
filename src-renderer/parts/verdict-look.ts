import Cancel from '@mui/icons-material/Dangerous';
import CheckCircle from '@mui/icons-material/CheckCircle';
import PowerOff from '@mui/icons-material/PowerOff';
import StopCircle from '@mui/icons-material/StopCircle';
import Warning from '@mui/icons-material/Warning';
import type { SvgIconComponent } from '@mui/icons-material';
import type { Verdict } from '#shared/model/failure.ts';
import { COLORS } from './theme.ts';

export interface VerdictLook {
  readonly background: string;
  readonly color: string;
  /** Each verdict has an outline of its own: circle, octagon, triangle. */
  readonly icon: SvgIconComponent;
}

export const VERDICT_LOOKS: Readonly<Record<Verdict, VerdictLook>> = {
  PASS: { background: COLORS.pass, color: '#FFFFFF', icon: CheckCircle },
  FAIL: { background: COLORS.fail, color: '#FFFFFF', icon: Cancel },
  ERROR: { background: COLORS.error, color: '#000000', icon: Warning },
  ABORTED: { background: COLORS.stopped, color: '#FFFFFF', icon: StopCircle },
  INTERRUPTED: { background: COLORS.stopped, color: '#FFFFFF', icon: PowerOff },
};
