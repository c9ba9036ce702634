import { Button, Group, Radio, Stack, TextInput } from "@mantine/core";
import { IconDeviceComputerCamera, IconPlugConnected, IconRefresh } from "@tabler/icons-react";
import { queryOptions, useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { camerasQuery, queryClient } from "@/api/queries";
import type { Camera, CameraDraft, ProbeReport } from "@/api/types";
import { tellDone, tellFailure } from "@/parts/notices";
import { Empty, Failure, Loading } from "@/parts/states";
import { Probe } from "./Probe";

interface Webcam {
  address: string;
  name: string;
  formats: string[];
  sizes: string[];
  codes: boolean;
  problem: string | null;
}

const webcamsQuery = queryOptions({
  queryKey: ["webcams"],
  staleTime: 2_000,
  queryFn: async ({ signal }) =>
    (await request<{ webcams: Webcam[] }>("GET", "/api/webcams", undefined, signal)).webcams,
});

/** A camera in the machine on which the server runs. */
export function NewWebcam() {
  const { t } = useTranslation();
  const found = useQuery(webcamsQuery);
  if (found.isPending) return <Loading rows={2} height={64} retry={() => void found.refetch()} />;
  if (found.data === undefined) {
    return <Failure error={found.error} retry={() => void found.refetch()} />;
  }
  if (found.data.length === 0) {
    return (
      <div className="hc-panel">
        <Empty icon={IconDeviceComputerCamera} title={t("webcams.none")} hint={t("webcams.noneHint")}>
          <Button
            variant="default"
            leftSection={<IconRefresh size={16} />}
            onClick={() => void found.refetch()}
            loading={found.isFetching}
          >
            {t("webcams.again")}
          </Button>
        </Empty>
      </div>
    );
  }
  return <Choice webcams={found.data} />;
}

function Choice({ webcams }: { webcams: Webcam[] }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [address, setAddress] = useState(webcams[0]?.address ?? "");
  const chosen = webcams.find((one) => one.address === address);
  const [name, setName] = useState(chosen?.name ?? "");
  const probe = useMutation({
    mutationFn: () => request<ProbeReport>("POST", "/api/cameras/probe", { url: address }),
    onError: tellFailure,
  });
  const save = useMutation({
    mutationFn: () => {
      const draft: CameraDraft = {
        name: name.trim(),
        url: address,
        transport: "auto",
        enabled: true,
        audio: false,
      };
      return request<Camera>("POST", "/api/cameras", draft);
    },
    onSuccess: async (camera) => {
      await queryClient.invalidateQueries({ queryKey: camerasQuery.queryKey });
      tellDone(t("cameras.added", { name: camera.name }));
      await navigate({ to: "/live/$cameraId", params: { cameraId: camera.id } });
    },
    onError: tellFailure,
  });
  const choose = (next: string): void => {
    setAddress(next);
    setName(webcams.find((one) => one.address === next)?.name ?? "");
    probe.reset();
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (name.trim() !== "") save.mutate();
  };
  return (
    <form className="hc-panel" onSubmit={submit}>
      <Stack gap="md">
        <Radio.Group value={address} onChange={choose} label={t("webcams.which")}>
          <Stack gap="xs" mt={6}>
            {webcams.map((one) => (
              <Radio
                key={one.address}
                value={one.address}
                label={one.name}
                description={one.problem ?? [one.address, one.formats.join(", ")].filter(Boolean).join(" · ")}
              />
            ))}
          </Stack>
        </Radio.Group>
        {chosen !== undefined && !chosen.codes && chosen.problem === null && (
          <p className="hc-dim hc-small">{t("webcams.encoded")}</p>
        )}
        <TextInput
          label={t("cameras.name")}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          maxLength={80}
          required
        />
        <Probe report={probe.data} pending={probe.isPending} url={address} />
        <Group justify="space-between">
          <Button
            variant="default"
            leftSection={<IconPlugConnected size={16} />}
            onClick={() => probe.mutate()}
            loading={probe.isPending}
          >
            {t("cameras.test")}
          </Button>
          <Button type="submit" loading={save.isPending} disabled={name.trim() === ""}>
            {t("cameras.save")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
