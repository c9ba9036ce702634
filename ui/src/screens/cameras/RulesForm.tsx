import { Button, Group } from "@mantine/core";
import { IconBellPlus, IconPlus } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { queryClient, rulesQuery } from "@/api/queries";
import type { Camera, Line, Rule, Zone } from "@/api/types";
import { tellDone, tellFailure } from "@/parts/notices";
import { Empty } from "@/parts/states";
import { RuleCard } from "./RuleCard";
import { faultOf, newRule } from "./rules";

interface RulesFormProps {
  camera: Camera;
  zones: Zone[];
  lines: Line[];
  rules: Rule[];
}

export function RulesForm({ camera, zones, lines, rules: saved }: RulesFormProps) {
  const { t } = useTranslation();
  const [rules, setRules] = useState(saved);
  const [dirty, setDirty] = useState(false);
  const set = (next: Rule[]): void => {
    setRules(next);
    setDirty(true);
  };
  const edit = (index: number, change: Partial<Rule>): void =>
    set(rules.map((rule, at) => (at === index ? { ...rule, ...change } : rule)));
  const add = (): void => set([...rules, newRule(t("rules.newName"), zones[0]?.id ?? null)]);
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
          camera={camera}
          zones={zones}
          lines={lines}
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
          disabled={!dirty || rules.some((rule) => faultOf(rule, lines) !== null)}
        >
          {t("rules.save")}
        </Button>
      </Group>
    </div>
  );
}
