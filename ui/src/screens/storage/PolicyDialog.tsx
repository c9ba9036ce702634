import {
  Button,
  Group,
  Modal,
  NumberInput,
  SegmentedControl,
  Stack,
  Textarea,
  TextInput,
} from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { type CameraPolicy, type Policy, planQuery } from "@/api/keeping";
import { queryClient } from "@/api/queries";
import { confirms, planTotal } from "@/keeping/plan";
import { badFields, DAYS, formOf, MOST_DAYS, type PolicyForm, policyOf } from "@/keeping/policy";
import { tellDone, tellFailure } from "@/parts/notices";
import { Failure } from "@/parts/states";
import { byteSize } from "@/time/duration";
import { DryRun } from "./DryRun";

const DRY_RUN_DELAY_MS = 350;

interface PolicyDialogProps {
  /** Null: the default of all cameras. */
  camera: { id: string; name: string } | null;
  saved: CameraPolicy;
  /** What holds where this camera says nothing. */
  fallback: Policy;
  close: () => void;
}

/** How long footage is kept. What a change would delete is shown before it is saved, and asked about. */
export function PolicyDialog({ camera, saved, fallback, close }: PolicyDialogProps) {
  const { t } = useTranslation();
  const [form, setForm] = useState<PolicyForm>(() => formOf(saved));
  const [typed, setTyped] = useState<string | null>(null);
  const bad = badFields(form, camera === null);
  const wish = policyOf(form);
  const [asked] = useDebouncedValue(JSON.stringify(wish), DRY_RUN_DELAY_MS);
  const plan = useQuery({
    ...planQuery(camera?.id ?? null, JSON.parse(asked) as CameraPolicy),
    enabled: bad.length === 0,
    placeholderData: keepPreviousData,
  });
  const stale = asked !== JSON.stringify(wish) || plan.isFetching;
  const doomed = plan.data === undefined ? 0 : planTotal(plan.data).recordings;
  const save = useMutation({
    mutationFn: () =>
      request("PUT", camera === null ? "/api/retention" : `/api/cameras/${camera.id}/retention`, wish),
    onSuccess: async () => {
      tellDone(t("app.saved"));
      close();
      for (const key of ["retention", "storage", "settings"])
        await queryClient.invalidateQueries({ queryKey: [key] });
    },
    onError: tellFailure,
  });
  const change = (edit: Partial<PolicyForm>): void => {
    setTyped(null);
    setForm({ ...form, ...edit });
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (doomed > 0 && typed === null) setTyped("");
    else if (doomed === 0 || confirms(typed ?? "", doomed)) save.mutate();
  };
  const ready = bad.length === 0 && !stale && plan.data !== undefined;

  return (
    <Modal
      opened
      onClose={close}
      size="lg"
      title={camera === null ? t("storage.defaultTitle") : t("storage.policyTitle", { name: camera.name })}
      closeButtonProps={{ "aria-label": t("app.close") }}
    >
      <form onSubmit={submit}>
        <Stack gap="md">
          <PolicyFields form={form} change={change} bad={bad} camera={camera !== null} fallback={fallback} />
          {plan.isError ? (
            <Failure error={plan.error} retry={() => void plan.refetch()} />
          ) : (
            bad.length === 0 && <DryRun plan={plan.data} stale={stale} />
          )}
          {typed !== null && doomed > 0 && (
            <TextInput
              label={t("storage.confirm", { count: doomed })}
              description={t("storage.confirmHint")}
              value={typed}
              inputMode="numeric"
              onChange={(event) => setTyped(event.currentTarget.value)}
              data-autofocus
              autoFocus
            />
          )}
          <Group justify="end" className="hc-dialog-foot">
            <Button variant="default" onClick={close}>
              {t("app.cancel")}
            </Button>
            {typed !== null && doomed > 0 ? (
              <Button
                type="submit"
                color="red"
                loading={save.isPending}
                disabled={!ready || !confirms(typed, doomed)}
              >
                {t("storage.saveAndDelete", { count: doomed })}
              </Button>
            ) : (
              <Button type="submit" loading={save.isPending} disabled={!ready}>
                {doomed > 0 ? t("storage.saveAsk") : t("app.save")}
              </Button>
            )}
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

interface PolicyFieldsProps {
  form: PolicyForm;
  change: (edit: Partial<PolicyForm>) => void;
  bad: ReturnType<typeof badFields>;
  /** Whether it is of one camera: then a field may be empty. */
  camera: boolean;
  fallback: Policy;
}

function PolicyFields({ form, change, bad, camera, fallback }: PolicyFieldsProps) {
  const { t, i18n } = useTranslation();
  const number = (value: number | string): number | "" => (typeof value === "number" ? value : "");
  const inherits = (value: string): string => (camera ? t("storage.asDefault", { value }) : "");
  return (
    <>
      <fieldset className="hc-policy-days">
        <legend>{t("storage.keepFor")}</legend>
        {DAYS.map((name, index) => (
          <NumberInput
            key={name}
            data-autofocus={index === 0 || undefined}
            label={t(`storage.${name}`)}
            description={t(`storage.${name}_hint`)}
            value={form[name]}
            onChange={(value) => change({ [name]: number(value) })}
            min={0}
            max={MOST_DAYS}
            suffix={` ${t("settings.days")}`}
            placeholder={inherits(`${fallback[name]} ${t("settings.days")}`)}
            error={bad.includes(name) ? t("storage.badDays", { most: MOST_DAYS }) : null}
          />
        ))}
        <p className="hc-dim hc-small">{t("storage.longest")}</p>
      </fieldset>
      <NumberInput
        label={t("storage.maxSize")}
        description={t("storage.maxSizeHint")}
        value={form.max_gb}
        onChange={(value) => change({ max_gb: number(value) })}
        min={0}
        decimalScale={2}
        suffix=" GB"
        placeholder={
          fallback.max_bytes === null
            ? t("storage.noLimit")
            : inherits(byteSize(fallback.max_bytes, i18n.language))
        }
        error={bad.includes("max_gb") ? t("storage.badSize") : null}
      />
      <Textarea
        label={t("storage.purpose")}
        description={t("storage.purposeHint")}
        value={form.purpose}
        maxLength={500}
        autosize
        minRows={1}
        onChange={(event) => change({ purpose: event.currentTarget.value })}
      />
      <div>
        <div className="hc-label" id="policy-audio">
          {t("storage.audio")}
        </div>
        <SegmentedControl
          aria-labelledby="policy-audio"
          value={form.audio === null ? "default" : form.audio ? "on" : "off"}
          onChange={(value) => change({ audio: value === "default" ? null : value === "on" })}
          data={[
            ...(camera
              ? [
                  {
                    value: "default",
                    label: t("storage.asDefault", {
                      value: t(fallback.audio ? "storage.on" : "storage.off"),
                    }),
                  },
                ]
              : []),
            { value: "off", label: t("storage.off") },
            { value: "on", label: t("storage.on") },
          ]}
        />
        <p className="hc-dim hc-small">{t("cameras.audioHint")}</p>
      </div>
    </>
  );
}
