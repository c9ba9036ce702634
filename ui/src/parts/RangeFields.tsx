import { TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClock } from "@/app/site";
import { localText, parseLocal } from "@/time/local";

interface MomentFieldProps {
  label: string;
  /** Exact; a field that nobody edits keeps its milliseconds. */
  ms: number;
  change: (ms: number) => void;
  error?: string | null;
  focused?: boolean;
}

/** One moment on the site's wall clock, to the second. */
export function MomentField({ label, ms, change, error = null, focused = false }: MomentFieldProps) {
  const { t } = useTranslation();
  const clock = useClock();
  const [text, setText] = useState(() => localText(ms, clock.zone));
  const bad = parseLocal(text, clock.zone) === null;
  return (
    <TextInput
      type="datetime-local"
      step={1}
      data-autofocus={focused || undefined}
      label={label}
      value={text}
      onChange={(event) => {
        const next = event.currentTarget.value;
        setText(next);
        const at = parseLocal(next, clock.zone);
        if (at !== null) change(at);
      }}
      error={bad ? t("exports.badTime") : error}
    />
  );
}

interface RangeFieldsProps {
  start_ms: number;
  end_ms: number;
  change: (start_ms: number, end_ms: number) => void;
  error?: string | null;
  /** Whether a dialog that opens gives the focus to the first field. */
  focused?: boolean;
}

/** From and to, side by side where there is room. */
export function RangeFields({ start_ms, end_ms, change, error = null, focused = false }: RangeFieldsProps) {
  const { t } = useTranslation();
  return (
    <div className="hc-range-fields">
      <MomentField
        label={t("exports.from")}
        ms={start_ms}
        change={(ms) => change(ms, end_ms)}
        focused={focused}
      />
      <MomentField label={t("exports.to")} ms={end_ms} change={(ms) => change(start_ms, ms)} error={error} />
    </div>
  );
}
