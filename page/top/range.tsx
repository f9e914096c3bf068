import { useEffect, useState } from 'preact/hooks';
import { update, view } from '../state/view.js';

const PRESETS: readonly (readonly [from: string, name: string])[] = [
  ['-15m', 'Last 15 minutes'],
  ['-1h', 'Last hour'],
  ['-6h', 'Last 6 hours'],
  ['-1d', 'Last 24 hours'],
  ['-7d', 'Last 7 days'],
  ['-30d', 'Last 30 days'],
  ['', 'All times'],
];

/** Which times are shown: one of the presets, or from and to. */
export function Range({ from }: { from: string }) {
  const { to } = view.value;
  const isPreset = to === '' && PRESETS.some(([preset]) => preset === from);
  const [isCustom, setCustom] = useState(!isPreset);
  useEffect(() => setCustom(!isPreset), [isPreset]);
  return (
    <div class="range">
      <label>
        <span class="hidden">Time range</span>
        <select
          value={isCustom ? 'custom' : from}
          onChange={({ currentTarget: { value } }) => {
            if (value === 'custom') setCustom(true);
            else update({ from: value, to: '' });
          }}
        >
          {PRESETS.map(([preset, name]) => (
            <option key={preset} value={preset}>
              {name}
            </option>
          ))}
          <option value="custom">From … to …</option>
        </select>
      </label>
      {isCustom && <Custom from={from} to={to} />}
    </div>
  );
}

function Custom({ from, to }: { from: string; to: string }) {
  return (
    <>
      <Time name="From" value={from} onChange={(value) => update({ from: value })} />
      <Time name="To" value={to} onChange={(value) => update({ to: value })} />
    </>
  );
}

interface TimeProps {
  name: string;
  value: string;
  onChange: (value: string) => void;
}

function Time({ name, value, onChange }: TimeProps) {
  return (
    <label>
      <span class="hidden">{name} (UTC)</span>
      <input
        class="time mono"
        type="text"
        title={`${name}, UTC: 2026-11-24, 2026-11-24T03:00:00Z, -1h, now`}
        placeholder={name === 'From' ? 'from, UTC' : 'to, UTC'}
        value={value.replace(/\.\d+Z$/, 'Z')}
        onChange={({ currentTarget }) => onChange(currentTarget.value.trim())}
      />
    </label>
  );
}
