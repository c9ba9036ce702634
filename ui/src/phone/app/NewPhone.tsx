import { Alert, Button, Group, Stack, TextInput } from "@mantine/core";
import { IconAlertTriangle, IconDeviceMobile, IconQrcode } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { beginPairing, type NewPairing } from "@/api/phones";
import { tellFailure } from "@/parts/notices";
import { PairingPanel } from "./PairingPanel";

/** A phone becomes a camera: a name, then its code, then the wait until it has paired and shows a picture. */
export function NewPhone({ begun }: { begun: (yes: boolean) => void }) {
  const { t } = useTranslation();
  const [name, setName] = useState("");
  const [made, setMade] = useState<NewPairing | null>(null);
  const create = useMutation({
    mutationFn: () => beginPairing({ name: name.trim() }),
    onSuccess: (pairing) => {
      setMade(pairing);
      begun(true);
    },
    onError: tellFailure,
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (name.trim() !== "") create.mutate();
  };
  if (made !== null) {
    return (
      <div className="hc-panel">
        <PairingPanel key={made.id} made={made} renew={() => create.mutate()} isRenewing={create.isPending} />
      </div>
    );
  }
  return (
    <form className="hc-panel" onSubmit={submit}>
      <Stack gap="md">
        <p className="hc-text">{t("phones.newHint")}</p>
        <TextInput
          label={t("cameras.name")}
          description={t("phones.nameHint")}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          maxLength={80}
          required
        />
        <Reach />
        <Group justify="end">
          <Button
            type="submit"
            leftSection={<IconQrcode size={16} aria-hidden />}
            loading={create.isPending}
            disabled={name.trim() === ""}
          >
            {t("phones.create")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

const LOOPBACK = new Set(["127.0.0.1", "[::1]", "localhost"]);

/** What keeps another phone from using this address; it is better to know before than after. */
function Reach() {
  const { t } = useTranslation();
  const local = LOOPBACK.has(location.hostname);
  if (!local && window.isSecureContext) return null;
  return (
    <Alert
      color="yellow"
      variant="light"
      icon={local ? <IconDeviceMobile size={18} /> : <IconAlertTriangle size={18} />}
    >
      {t(local ? "phones.local" : "phones.insecure")}
    </Alert>
  );
}
