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
import { IconBellPlus, IconPlus, IconTrash } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { Trans, useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { queryClient, rulesQuery } from "@/api/queries";
import type { Camera, Rule, Severity, Zone } from "@/api/types";
import { labelName } from "@/parts/names";
import { tellDone, tellFailure } from "@/parts/notices";
import { Empty } from "@/parts/states";

const LABELS = [
  "person",
  "car",
  "truck",
  "bus",
  "bicycle",
  "motorcycle",
  "dog",
  "cat",
  "backpack",
  "suitcase",
  "bottle",
];

export function RulesForm({ camera, zones, rules: saved }: { camera: Camera; zones: Zone[]; rules: Rule[] }) {
  const { t } = useTranslation();
  const [rules, setRules] = useState(saved);
  const [dirty, setDirty] = useState(false);
  const set = (next: Rule[]): void => {
    setRules(next);
    setDirty(true);
  };
  const edit = (index: number, change: Partial<Rule>): void =>
    set(rules.map((rule, at) => (at === index ? { ...rule, ...change } : rule)));
  const add = (): void =>
    set([
      ...rules,
      {
        name: t("rules.newName"),
        zone: zones[0]?.id ?? null,
        label: "person",
        min_score: 0.5,
        min_duration_s: 2,
        cooldown_s: 30,
        severity: "alert",
        enabled: true,
      },
    ]);
  const save = useMutation({
    mutationFn: () => request<{ rules: Rule[] }>("PUT", `/api/cameras/${camera.id}/rules`, { rules }),
    onSuccess: (answer) => {
      queryClient.setQueryData(rulesQuery(camera.id).queryKey, answer.rules);
      setRules(answer.rules);
      setDirty(false);
      tellDone(t("rules.saved"));
    },
    onError: tellFailure,
  });

  if (rules.length === 0 && !dirty) {
    return (
      <Empty icon={IconBellPlus} title={t("rules.none")} hint={t("rules.noneHint")}>
        <Button leftSection={<IconPlus size={16} />} onClick={add}>
          {t("rules.add")}
        </Button>
      </Empty>
    );
  }
  return (
    <div className="hc-rules">
      {rules.map((rule, index) => (
        <RuleCard
          key={rule.id ?? `new-${index}`}
          rule={rule}
          zones={zones}
          edit={(change) => edit(index, change)}
          remove={() => set(rules.filter((_row, at) => at !== index))}
        />
      ))}
      <Group justify="space-between">
        <Button variant="default" leftSection={<IconPlus size={16} />} onClick={add}>
          {t("rules.add")}
        </Button>
        <Button
          onClick={() => save.mutate()}
          loading={save.isPending}
          disabled={!dirty || rules.some((rule) => rule.name.trim() === "")}
        >
          {t("rules.save")}
        </Button>
      </Group>
    </div>
  );
}

interface RuleCardProps {
  rule: Rule;
  zones: Zone[];
  edit: (change: Partial<Rule>) => void;
  remove: () => void;
}

const numberOr = (value: number | string, fallback: number): number =>
  typeof value === "number" ? value : fallback;

function RuleCard({ rule, zones, edit, remove }: RuleCardProps) {
  const { t } = useTranslation();
  const zoneName = zones.find((zone) => zone.id === rule.zone)?.name ?? t("rules.anywhere");
  const labels = LABELS.includes(rule.label) ? LABELS : [rule.label, ...LABELS];
  return (
    <fieldset className="hc-panel hc-rule" data-off={!rule.enabled || undefined}>
      <legend className="hc-visually-hidden">{rule.name}</legend>
      <p className="hc-sentence">
        <Trans
          i18nKey="rules.sentence"
          values={{
            label: labelName(rule.label),
            zone: zoneName,
            seconds: rule.min_duration_s,
            severity: t(`severity.${rule.severity}`),
            cooldown: rule.cooldown_s,
          }}
          components={{ b: <strong /> }}
        />
      </p>
      <div className="hc-rule-fields">
        <TextInput
          label={t("rules.name")}
          value={rule.name}
          maxLength={80}
          onChange={(event) => edit({ name: event.currentTarget.value })}
          error={rule.name.trim() === "" ? t("rules.nameNeeded") : null}
        />
        <NativeSelect
          label={t("rules.label")}
          value={rule.label}
          onChange={(event) => edit({ label: event.currentTarget.value })}
          data={labels.map((value) => ({ value, label: labelName(value) }))}
        />
        <NativeSelect
          label={t("rules.zone")}
          value={rule.zone ?? ""}
          onChange={(event) =>
            edit({ zone: event.currentTarget.value === "" ? null : event.currentTarget.value })
          }
          data={[
            { value: "", label: t("rules.anywhere") },
            ...zones.flatMap((zone) => (zone.id === undefined ? [] : [{ value: zone.id, label: zone.name }])),
          ]}
        />
        <NumberInput
          label={t("rules.duration")}
          value={rule.min_duration_s}
          min={0}
          max={300}
          step={0.5}
          decimalScale={1}
          suffix=" s"
          onChange={(value) => edit({ min_duration_s: numberOr(value, rule.min_duration_s) })}
        />
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
