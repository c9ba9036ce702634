import {
  ActionIcon,
  Button,
  Group,
  NativeSelect,
  NumberInput,
  Slider,
  Switch,
  TextInput,
} from "@mantine/core";
import { IconClock, IconTrash } from "@tabler/icons-react";
import { useState } from "react";
import { Trans, useTranslation } from "react-i18next";
import {
  type Camera,
  type Line,
  RULE_KINDS,
  type Rule,
  type Severity,
  WAYS_OVER,
  type Zone,
} from "@/api/types";
import { labelName } from "@/parts/names";
import "@/screens/ai/ai.css";
import { ScheduleEditor } from "@/screens/ai/ScheduleEditor";
import { dayNames, rowText } from "@/screens/ai/schedule";
import { GroundEditor } from "./GroundEditor";
import { LABELS } from "./labels";
import { asKind, faultOf, ofThings, takesTime } from "./rules";

interface RuleCardProps {
  rule: Rule;
  camera: Camera;
  zones: Zone[];
  lines: Line[];
  edit: (change: Partial<Rule>) => void;
  remove: () => void;
}

const numberOr = (value: number | string, fallback: number): number =>
  typeof value === "number" ? value : fallback;

/** One rule: in a sentence, and as fields. */
export function RuleCard({ rule, camera, zones, lines, edit, remove }: RuleCardProps) {
  const { t } = useTranslation();
  return (
    <fieldset className="hc-panel hc-rule" data-off={!rule.enabled || undefined}>
      <legend className="hc-visually-hidden">{rule.name}</legend>
      <Sentence rule={rule} zones={zones} lines={lines} />
      <div className="hc-rule-fields">
        <TextInput
          label={t("rules.name")}
          value={rule.name}
          maxLength={80}
          onChange={(event) => edit({ name: event.currentTarget.value })}
          error={rule.name.trim() === "" ? t("rules.nameNeeded") : null}
        />
        <NativeSelect
          label={t("rules.kind")}
          value={rule.kind}
          onChange={(event) => {
            const kind = RULE_KINDS.find((one) => one === event.currentTarget.value);
            if (kind !== undefined) edit(asKind(rule, kind, lines));
          }}
          data={RULE_KINDS.map((value) => ({ value, label: t(`rules.kind_${value}`) }))}
        />
        <What rule={rule} edit={edit} />
        {rule.kind === "crossing" ? (
          <WhichLine rule={rule} lines={lines} edit={edit} />
        ) : (
          <NativeSelect
            label={t("rules.zone")}
            value={rule.zone ?? ""}
            onChange={(event) =>
              edit({ zone: event.currentTarget.value === "" ? null : event.currentTarget.value })
            }
            data={[
              { value: "", label: t("rules.anywhere") },
              ...zones.flatMap((zone) =>
                zone.id === undefined ? [] : [{ value: zone.id, label: zone.name }],
              ),
            ]}
          />
        )}
        <HowMuch rule={rule} edit={edit} />
        <NumberInput
          label={t("rules.cooldown")}
          value={rule.cooldown_s}
          min={0}
          max={86_400}
          step={5}
          suffix=" s"
          onChange={(value) => edit({ cooldown_s: numberOr(value, rule.cooldown_s) })}
        />
        <NativeSelect
          label={t("rules.severity")}
          value={rule.severity}
          onChange={(event) => edit({ severity: event.currentTarget.value as Severity })}
          data={(["alert", "detection"] as const).map((value) => ({
            value,
            label: t(`severity.${value}`),
          }))}
        />
        <div className="hc-rule-score">
          <div className="hc-label">
            {t("rules.score")} <span className="hc-num hc-dim">{Math.round(rule.min_score * 100)} %</span>
          </div>
          <Slider
            min={0.1}
            max={0.95}
            step={0.05}
            value={rule.min_score}
            onChange={(value) => edit({ min_score: value })}
            label={null}
            thumbLabel={t("rules.score")}
          />
        </div>
      </div>
      {rule.kind === "speed" && rule.ground !== null && (
        <GroundEditor
          camera={camera}
          ground={rule.ground}
          change={(ground) => edit({ ground })}
          faulty={faultOf(rule, lines) === "ground"}
        />
      )}
      {rule.kind !== "object" && <p className="hc-dim hc-small">{t(`rules.hint_${rule.kind}`)}</p>}
      <When rule={rule} edit={edit} />
      <Group justify="space-between">
        <Switch
          checked={rule.enabled}
          onChange={(event) => edit({ enabled: event.currentTarget.checked })}
          label={t("rules.enabled")}
        />
        <ActionIcon
          variant="subtle"
          color="red"
          size="lg"
          onClick={remove}
          aria-label={t("rules.remove", { name: rule.name })}
        >
          <IconTrash size={17} />
        </ActionIcon>
      </Group>
    </fieldset>
  );
}

type Part = Pick<RuleCardProps, "rule" | "edit">;

function Sentence({ rule, zones, lines }: Pick<RuleCardProps, "rule" | "zones" | "lines">) {
  const { t } = useTranslation();
  const line = lines.find((one) => one.id === rule.line);
  const way = rule.way === "both" || line === undefined ? t("rules.bothWays") : line[rule.way];
  return (
    <p className="hc-sentence">
      <Trans
        i18nKey={rule.kind === "object" ? "rules.sentence" : `rules.sentence_${rule.kind}`}
        values={{
          label: labelName(rule.label),
          zone: zones.find((zone) => zone.id === rule.zone)?.name ?? t("rules.anywhere"),
          line: line?.name ?? "–",
          way,
          number: rule.count,
          speed: rule.speed_kmh,
          seconds: rule.min_duration_s,
          severity: t(`severity.${rule.severity}`),
          cooldown: rule.cooldown_s,
        }}
        components={{ b: <strong /> }}
      />
    </p>
  );
}

function What({ rule, edit }: Part) {
  const { t } = useTranslation();
  const known = LABELS.includes(rule.label) ? LABELS : [rule.label, ...LABELS];
  const labels = ofThings(rule.kind) ? known.filter((label) => label !== "person") : known;
  return (
    <NativeSelect
      label={t("rules.label")}
      value={rule.label}
      disabled={rule.kind === "fall"}
      onChange={(event) => edit({ label: event.currentTarget.value })}
      data={labels.map((value) => ({ value, label: labelName(value) }))}
    />
  );
}

function WhichLine({ rule, lines, edit }: Part & Pick<RuleCardProps, "lines">) {
  const { t } = useTranslation();
  const line = lines.find((one) => one.id === rule.line);
  return (
    <>
      <NativeSelect
        label={t("rules.line")}
        value={line?.id ?? ""}
        onChange={(event) =>
          edit({ line: event.currentTarget.value === "" ? null : event.currentTarget.value })
        }
        data={[
          ...(line === undefined ? [{ value: "", label: "–" }] : []),
          ...lines.flatMap((one) => (one.id === undefined ? [] : [{ value: one.id, label: one.name }])),
        ]}
        error={line === undefined ? t(lines.length === 0 ? "rules.lineFirst" : "rules.lineNeeded") : null}
      />
      <NativeSelect
        label={t("rules.way")}
        value={rule.way}
        onChange={(event) =>
          edit({ way: WAYS_OVER.find((way) => way === event.currentTarget.value) ?? "both" })
        }
        data={WAYS_OVER.map((value) => ({
          value,
          label: value === "both" || line === undefined ? t(`rules.way_${value}`) : line[value],
        }))}
      />
    </>
  );
}

function HowMuch({ rule, edit }: Part) {
  const { t } = useTranslation();
  return (
    <>
      {rule.kind === "crowd" && (
        <NumberInput
          label={t("rules.count")}
          value={rule.count}
          min={2}
          max={200}
          onChange={(value) => edit({ count: numberOr(value, rule.count) })}
        />
      )}
      {rule.kind === "speed" && (
        <NumberInput
          label={t("rules.speed")}
          value={rule.speed_kmh}
          min={1}
          max={300}
          suffix=" km/h"
          onChange={(value) => edit({ speed_kmh: numberOr(value, rule.speed_kmh) })}
        />
      )}
      {takesTime(rule.kind) && (
        <NumberInput
          label={t(
            rule.kind === "left" || rule.kind === "taken" ? `rules.duration_${rule.kind}` : "rules.duration",
          )}
          value={rule.min_duration_s}
          min={0}
          max={300}
          step={rule.kind === "dwell" || rule.kind === "left" ? 10 : 0.5}
          decimalScale={1}
          suffix=" s"
          onChange={(value) => edit({ min_duration_s: numberOr(value, rule.min_duration_s) })}
        />
      )}
    </>
  );
}

function When({ rule, edit }: Part) {
  const { t, i18n } = useTranslation();
  const [open, setOpen] = useState(false);
  const names = dayNames(i18n.language);
  const hours = rule.hours?.hours.map((row) => rowText(row, names)).join("; ") ?? "";
  const text =
    rule.hours === null ? t("rules.always") : rule.hours.outside ? t("rules.except", { hours }) : hours;
  if (open)
    return (
      <ScheduleEditor
        name={rule.name}
        schedule={rule.hours}
        saving={false}
        save={(hours) => {
          edit({ hours });
          setOpen(false);
        }}
        cancel={() => setOpen(false)}
      />
    );
  return (
    <div className="hc-rule-when">
      <span className="hc-label">{t("rules.when")}</span> <span>{text}</span>
      <Button
        size="compact-xs"
        variant="subtle"
        leftSection={<IconClock size={14} aria-hidden />}
        onClick={() => setOpen(true)}
      >
        {t("rules.hours")}
      </Button>
    </div>
  );
}
