import { Button, Group, Stepper, Switch, TextInput } from "@mantine/core";
import { IconPlugConnected } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { camerasQuery, queryClient } from "@/api/queries";
import type { Camera, CameraDraft, ProbeReport } from "@/api/types";
import type { Chosen } from "@/onvif/DeviceStreams";
import { FindCameras } from "@/onvif/FindCameras";
import { tellDone, tellFailure } from "@/parts/notices";
import { type Address, AddressFields, credentials } from "./AddressFields";
import { Probe } from "./Probe";

/** A camera on the network: found, or at an address that is typed; tried, then named. */
export function NewNetwork({ begun }: { begun: (yes: boolean) => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [step, setStepNow] = useState(0);
  const setStep = (next: number): void => {
    setStepNow(next);
    begun(next > 0);
  };
  const [address, setAddress] = useState<Address>({ url: "", username: "", password: "", transport: "auto" });
  const [name, setName] = useState("");
  const [audio, setAudio] = useState(false);
  const [found, setFound] = useState<Chosen | null>(null);
  const probe = useMutation({
    mutationFn: (tried: Address) =>
      request<ProbeReport>("POST", "/api/cameras/probe", {
        url: tried.url.trim(),
        ...credentials(tried),
        transport: tried.transport,
      }),
    onError: tellFailure,
  });
  const save = useMutation({
    mutationFn: async () => {
      const draft: CameraDraft = {
        name: name.trim(),
        url: address.url.trim(),
        ...credentials(address),
        transport: address.transport,
        enabled: true,
        audio,
      };
      const camera = await request<Camera>("POST", "/api/cameras", draft);
      if (found?.url === draft.url) {
        await request("PUT", `/api/cameras/${camera.id}/onvif`, found.link).catch(tellFailure);
      }
      return camera;
    },
    onSuccess: async (camera) => {
      await queryClient.invalidateQueries({ queryKey: camerasQuery.queryKey });
      tellDone(t("cameras.added", { name: camera.name }));
      await navigate({ to: "/live/$cameraId", params: { cameraId: camera.id } });
    },
    onError: tellFailure,
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (step === 0 && probe.data?.ok !== true) probe.mutate(address);
    else if (step === 0) setStep(1);
    else if (name.trim() !== "") save.mutate();
  };
  const changeAddress = (next: Address): void => {
    setAddress(next);
    probe.reset();
  };
  const choose = (chosen: Chosen): void => {
    const { url, username, password } = chosen;
    const next: Address = { url, username, password, transport: "auto" };
    setFound(chosen);
    setAddress(next);
    setName((old) => old || chosen.name);
    probe.mutate(next);
  };

  return (
    <>
      <div>
        <Stepper
          active={step}
          onStepClick={(next) => next < step && setStep(next)}
          size="sm"
          mb="lg"
          allowNextStepsSelect={false}
        >
          <Stepper.Step label={t("cameras.stepAddress")} description={t("cameras.stepAddressHint")} />
          <Stepper.Step label={t("cameras.stepName")} description={t("cameras.stepNameHint")} />
        </Stepper>
        {step === 0 && (found === null || address.url !== found.url) && <FindCameras choose={choose} />}
      </div>
      <form onSubmit={submit}>
        {step === 0 ? (
          <div className="hc-panel">
            <AddressFields value={address} change={changeAddress} helps />
            <Probe report={probe.data} pending={probe.isPending} url={address.url} />
            <Group justify="space-between" mt="md">
              <Button
                variant="subtle"
                color="gray"
                onClick={() => setStep(1)}
                disabled={address.url.trim() === "" || probe.data?.ok === true}
              >
                {t("cameras.skipTest")}
              </Button>
              <Group gap="xs">
                {probe.data !== undefined && (
                  <Button variant="default" onClick={() => probe.mutate(address)} loading={probe.isPending}>
                    {t("cameras.testAgain")}
                  </Button>
                )}
                {probe.data?.ok === true ? (
                  <Button type="submit">{t("cameras.next")}</Button>
                ) : (
                  probe.data === undefined && (
                    <Button
                      type="submit"
                      leftSection={<IconPlugConnected size={16} />}
                      loading={probe.isPending}
                      disabled={address.url.trim() === ""}
                    >
                      {t("cameras.test")}
                    </Button>
                  )
                )}
              </Group>
            </Group>
          </div>
        ) : (
          <div className="hc-panel">
            <TextInput
              label={t("cameras.name")}
              description={t("cameras.nameHint")}
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              maxLength={80}
              required
              autoFocus
            />
            <Switch
              mt="md"
              checked={audio}
              onChange={(event) => setAudio(event.currentTarget.checked)}
              label={t("cameras.audio")}
              description={t("cameras.audioHint")}
            />
            <Group justify="space-between" mt="lg">
              <Button variant="default" onClick={() => setStep(0)}>
                {t("cameras.back")}
              </Button>
              <Button type="submit" loading={save.isPending} disabled={name.trim() === ""}>
                {t("cameras.save")}
              </Button>
            </Group>
          </div>
        )}
      </form>
    </>
  );
}
