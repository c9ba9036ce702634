import { Button } from "@mantine/core";
import { IconDeviceTv } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Addresses } from "./Addresses";
import "./tokens.css";

/** Where players find a camera, in its settings; asked for when somebody wants to know. */
export function AddressesOf({ camera }: { camera: string }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  return (
    <section className="hc-panel hc-token-addresses">
      <h2>{t("tokens.addresses")}</h2>
      <p className="hc-dim">
        {t("tokens.addressesHint")} <Link to="/players">{t("tokens.title")}</Link>
      </p>
      {open ? (
        <Addresses camera={camera} />
      ) : (
        <Button
          variant="default"
          leftSection={<IconDeviceTv size={16} aria-hidden />}
          onClick={() => setOpen(true)}
        >
          {t("tokens.show")}
        </Button>
      )}
    </section>
  );
}
