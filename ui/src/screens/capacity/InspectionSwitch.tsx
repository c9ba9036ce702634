import { Switch } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { queryClient, sessionQuery } from "@/api/queries";
import type { Camera } from "@/api/types";
import { tellFailure } from "@/parts/notices";
import { capacityQuery, inspectionQuery, switchInspection } from "./api";

interface InspectionSwitchProps {
  camera: string;
  name: string;
  on: boolean;
  /** Words beside it; without, it stands in a column that is called so. */
  label?: string;
  description?: string;
}

/** Whether a camera is looked at. Recording and live pictures go on in any case. */
export function InspectionSwitch({ camera, name, on, label, description }: InspectionSwitchProps) {
  const { t } = useTranslation();
  const change = useMutation({
    mutationFn: (next: boolean) => switchInspection(camera, next),
    onSuccess: async (said) => {
      queryClient.setQueryData(inspectionQuery(camera).queryKey, said);
      await queryClient.invalidateQueries({ queryKey: capacityQuery.queryKey });
    },
    onError: tellFailure,
  });
  return (
    <Switch
      checked={change.isPending ? change.variables : on}
      onChange={(event) => change.mutate(event.currentTarget.checked)}
      aria-label={label === undefined ? t("capacity.inspectedOf", { name }) : undefined}
      label={label}
      description={description}
    />
  );
}

/** The same as a part of a camera's own page; for administrators. */
export function Inspection({ camera }: { camera: Camera }) {
  const { t } = useTranslation();
  const admin = useQuery(sessionQuery).data?.user.role === "admin";
  const state = useQuery(inspectionQuery(camera.id)).data;
  if (!admin || state === undefined) return null;
  return (
    <section className="hc-panel">
      <InspectionSwitch
        camera={camera.id}
        name={camera.name}
        on={state.on}
        label={t("capacity.inspect")}
        description={t("capacity.inspectHint")}
      />
    </section>
  );
}
