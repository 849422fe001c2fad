/**
 * Cost against worth as a picture: the Pareto front, the floor, the choice; a title and a
 * description for who cannot see it.
 */
import { useId, useMemo, useRef } from 'preact/hooks';
import { type FrontInput, type FrontLayout, layoutFront, type Placed } from './front-layout.ts';
import { useWidth } from './use-width.ts';

interface PictureProps {
  readonly input: FrontInput;
  readonly title: string;
  readonly description: string;
  readonly formatCost: (cost: number) => string;
  readonly formatWorth: (worth: number) => string;
  readonly floorLabel: string;
  /** What a point says of itself under the pointer. */
  readonly hint: (id: number) => string;
  /** The point under the pointer, here or in a table. */
  readonly active: number | null;
  readonly onActive: (id: number | null) => void;
}

const heightPx = 300;

export function FrontPicture(props: PictureProps) {
  const { input, title, description, active, onActive, hint } = props;
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const id = useId();
  const layout = useMemo(() => layoutFront(input, { width, height: heightPx }), [input, width]);
  return (
    <div class="front-frame" ref={frame}>
      <svg
        class="front"
        role="img"
        aria-labelledby={`${id}-title`}
        aria-describedby={`${id}-desc`}
        width={width}
        height={heightPx}
      >
        <title id={`${id}-title`}>{title}</title>
        <desc id={`${id}-desc`}>{description}</desc>
        <Axes {...props} layout={layout} />
        {layout.tracks.map((track) => (
          <path key={track} class="track" d={track} />
        ))}
        <path class="edge" d={layout.edge} />
        {layout.placed.map((placed) => (
          <Point
            key={placed.point.id}
            placed={placed}
            hint={hint(placed.point.id)}
            active={placed.point.id === active}
            onActive={onActive}
          />
        ))}
        {layout.labels.map((label) => (
          <text
            key={label.text}
            class={label.strong ? 'point-label point-label-chosen' : 'point-label'}
            x={label.x}
            y={label.y}
            text-anchor={label.anchor}
          >
            {label.text}
          </text>
        ))}
      </svg>
    </div>
  );
}

interface AxesProps extends Pick<PictureProps, 'formatCost' | 'formatWorth' | 'floorLabel'> {
  readonly layout: FrontLayout;
}

function Axes({ layout, formatCost, formatWorth, floorLabel }: AxesProps) {
  const { plot } = layout;
  return (
    <g class="axes">
      {layout.yTicks.map((tick) => (
        <g key={tick.value}>
          <path class="grid" d={`M${plot.left} ${tick.at}H${plot.right}`} />
          <text x={plot.left - 8} y={tick.at + 4} text-anchor="end">
            {formatWorth(tick.value)}
          </text>
        </g>
      ))}
      {layout.xTicks.map((tick) => (
        <text key={tick.value} x={tick.at} y={plot.bottom + 16} text-anchor="middle">
          {formatCost(tick.value)}
        </text>
      ))}
      <path class="axis" d={`M${plot.left} ${plot.bottom}H${plot.right}`} />
      {layout.floorY !== null && <Floor layout={layout} y={layout.floorY} label={floorLabel} />}
    </g>
  );
}

interface FloorProps {
  readonly layout: FrontLayout;
  readonly y: number;
  readonly label: string;
}

function Floor({ layout: { plot }, y, label }: FloorProps) {
  const width = plot.right - plot.left;
  return (
    <g>
      <rect class="refused" x={plot.left} y={y} width={width} height={plot.bottom - y} />
      <path class="floor" d={`M${plot.left} ${y}H${plot.right}`} />
      <text class="floor-label" x={plot.right - 4} y={y + 15} text-anchor="end">
        {label}
      </text>
    </g>
  );
}

interface PointProps extends Pick<PictureProps, 'onActive'> {
  readonly placed: Placed;
  readonly hint: string;
  readonly active: boolean;
}

function Point({ placed, hint, active, onActive }: PointProps) {
  const { point, x, y, below } = placed;
  const kind = `point point-${point.part}`;
  return (
    <g
      class={active ? `${kind} point-active` : kind}
      data-point={point.id}
      onPointerEnter={() => onActive(point.id)}
      onPointerLeave={() => onActive(null)}
    >
      <title>{hint}</title>
      {point.part === 'chosen' && <circle class="ring" cx={x} cy={y} r="9" />}
      {below ? (
        <path class="mark" d={`M${x - 5} ${y - 5}h10l-5 7z`} />
      ) : (
        <circle class="mark" cx={x} cy={y} r={point.part === 'behind' ? 3.5 : 4.5} />
      )}
      <circle class="reach" cx={x} cy={y} r="11" />
    </g>
  );
}
