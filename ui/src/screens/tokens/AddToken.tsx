import { Checkbox, NativeSelect, Stack, Switch, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { camerasQuery } from "@/api/queries";
import { addReadToken, type NewReadToken } from "@/api/readTokens";
import { OnceDialog } from "@/parts/OnceDialog";
import { Copied } from "../cameras/DialCommand";
import { Addresses } from "./Addresses";

const DAY_MS = 86_400_000;
const LASTS = [0, 1, 30, 365] as const;

/** What it is for, what it shows and how long; then the token itself, here and never again. */
export function AddToken({ close, added }: { close: () => void; added: () => Promise<unknown> }) {
  const { t } = useTranslation();
  const cameras = useQuery(camerasQuery).data ?? [];
  const [name, setName] = useState("");
  const [all, setAll] = useState(true);
  const [chosen, setChosen] = useState<string[]>([]);
  const [days, setDays] = useState<number>(0);
  return (
    <OnceDialog
      title={t("tokens.addTitle")}
      madeTitle={(made: NewReadToken) => made.read_token.name}
      isReady={name.trim() !== "" && (all || chosen.length > 0)}
      add={t("tokens.add")}
      create={() =>
        addReadToken(name.trim(), all ? null : chosen, days === 0 ? null : Date.now() + days * DAY_MS)
      }
      added={added}
      once={t("tokens.once")}
      show={(made) => <Made made={made} />}
      done={t("tokens.done")}
      close={close}
    >
      <TextInput
        label={t("entry.name")}
        description={t("tokens.nameHint")}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        maxLength={80}
        autoComplete="off"
        required
        data-autofocus
      />
      <Switch
        label={t("tokens.all")}
        description={t("tokens.allHint")}
        checked={all}
        onChange={(event) => setAll(event.currentTarget.checked)}
      />
      {!all && (
        <Checkbox.Group label={t("tokens.cameras")} value={chosen} onChange={setChosen}>
          <Stack gap="xs" mt="xs" className="hc-token-cameras">
            {cameras.map((camera) => (
              <Checkbox key={camera.id} value={camera.id} label={camera.name} />
            ))}
          </Stack>
        </Checkbox.Group>
      )}
      <NativeSelect
        label={t("tokens.lasts")}
        value={String(days)}
        onChange={(event) => setDays(Number(event.currentTarget.value))}
        data={LASTS.map((value) => ({ value: String(value), label: t(`tokens.lasts_${value}`) }))}
      />
    </OnceDialog>
  );
}

function Made({ made }: { made: NewReadToken }) {
  const { t } = useTranslation();
  const cameras = (useQuery(camerasQuery).data ?? []).filter(
    (camera) => made.read_token.cameras === null || made.read_token.cameras.includes(camera.id),
  );
  const [picked, setPicked] = useState("");
  const camera = picked || cameras[0]?.id;
  return (
    <>
      <Copied label={t("tokens.token")} text={made.token} />
      <Copied label={t("tokens.user")} hint={t("tokens.userHint")} text={made.read_token.id} />
      {cameras.length > 1 && (
        <NativeSelect
          label={t("tokens.addressesOf")}
          value={camera}
          onChange={(event) => setPicked(event.currentTarget.value)}
          data={cameras.map((one) => ({ value: one.id, label: one.name }))}
        />
      )}
      {camera !== undefined && <Addresses camera={camera} made={made} />}
    </>
  );
}
