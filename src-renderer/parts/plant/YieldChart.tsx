import Box from '@mui/material/Box';
import { useTranslation } from 'react-i18next';
import type { YieldBar } from '../../stores/plant-yield.ts';
import { COLORS } from '../theme.ts';
import { count } from './plant-format.ts';

const WIDTH = 1000;
const HEIGHT = 100;
/** Below the bars, for the hours. */
const FOOT = 16;
/** At the left, for the scale. */
const LEFT = 40;

interface YieldChartProps {
  readonly bars: readonly YieldBar[];
  readonly by: 'hour' | 'day';
}

/** Units by hour or day: passed at first, passed later, failed. What is told by colour is told by place and words too. */
export function YieldChart({ bars, by }: YieldChartProps) {
  const { t, i18n } = useTranslation();
  const most = scaleOf(Math.max(1, ...bars.map(({ attempted }) => attempted)));
  const pitch = (WIDTH - LEFT) / Math.max(1, bars.length);
  const y = (units: number): number => (units / most) * (HEIGHT - FOOT - 6);
  const name = (at: number): string =>
    new Intl.DateTimeFormat(i18n.language, by === 'hour' ? { hour: '2-digit', hourCycle: 'h23' } : DAY).format(at);
  return (
    <Box>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width="100%" role="img" aria-label={t('home.chart')} data-part="chart">
        {[0, most / 2, most].map((units) => (
          <g key={units}>
            <line
              x1={LEFT}
              x2={WIDTH}
              y1={HEIGHT - FOOT - y(units)}
              y2={HEIGHT - FOOT - y(units)}
              stroke={COLORS.line}
            />
            <text x={LEFT - 6} y={HEIGHT - FOOT - y(units) + 4} textAnchor="end" fontSize={12} fill={COLORS.quiet}>
              {Number.isInteger(units) ? count(units, i18n.language) : ''}
            </text>
          </g>
        ))}
        {bars.map((bar, index) => (
          <g key={bar.at} data-attempted={bar.attempted}>
            <title>{t('home.bar', { ...numbers(bar), when: name(bar.at) })}</title>
            {stack(bar).map(({ fill, from, units }) => (
              <rect
                key={fill}
                x={LEFT + index * pitch + pitch * 0.12}
                width={pitch * 0.76}
                y={HEIGHT - FOOT - y(from + units)}
                height={y(units)}
                fill={fill}
              />
            ))}
            <text x={LEFT + (index + 0.5) * pitch} y={HEIGHT - 2} textAnchor="middle" fontSize={12} fill={COLORS.quiet}>
              {name(bar.at)}
            </text>
          </g>
        ))}
      </svg>
      <Legend />
    </Box>
  );
}

function Legend() {
  const { t } = useTranslation();
  const entries = [
    [COLORS.work, t('home.passed_first')],
    [LATER, t('home.passed_later')],
    [COLORS.fail, t('home.failed')],
  ] as const;
  return (
    <Box sx={{ display: 'flex', gap: '1rem', fontSize: '0.75rem', color: COLORS.quiet }}>
      {entries.map(([color, words]) => (
        <Box key={color} sx={{ display: 'flex', alignItems: 'center', gap: '0.375rem' }}>
          <Box sx={{ width: '0.75rem', height: '0.75rem', bgcolor: color }} />
          {words}
        </Box>
      ))}
    </Box>
  );
}

const LATER = '#8FA0B2';
const DAY = { weekday: 'short', day: 'numeric' } as const;

function numbers(bar: YieldBar) {
  return { ...bar, failed: bar.attempted - bar.passedFirst - bar.passedLater };
}

function stack(bar: YieldBar) {
  const { failed } = numbers(bar);
  return [
    { fill: COLORS.work, from: 0, units: bar.passedFirst },
    { fill: LATER, from: bar.passedFirst, units: bar.passedLater },
    { fill: COLORS.fail, from: bar.passedFirst + bar.passedLater, units: failed },
  ].filter(({ units }) => units > 0);
}

/** The next of 2, 4, 10, 20, 40, 100, ...: half of it is a whole number. */
function scaleOf(most: number): number {
  const power = 10 ** Math.floor(Math.log10(most));
  return [2, 4, 10, 20].map((step) => step * power).find((step) => step >= most) ?? most;
}
