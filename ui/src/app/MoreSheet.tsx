import { Drawer, UnstyledButton } from "@mantine/core";
import { IconCommand } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { Place } from "./places";
import { UserMenu } from "./UserMenu";

interface MoreSheetProps {
  places: readonly Place[];
  close: () => void;
  openPalette: () => void;
}

/** On a phone: the pages that the bar has no room for, the search, the account. */
export function MoreSheet({ places, close, openPalette }: MoreSheetProps) {
  const { t } = useTranslation();
  return (
    <Drawer
      opened
      onClose={close}
      position="bottom"
      size="auto"
      classNames={{ content: "hc-more-content" }}
      title={t("nav.more")}
      closeButtonProps={{ "aria-label": t("app.close") }}
    >
      <nav aria-label={t("nav.more")} className="hc-more-sheet">
        {places.map(({ to, key, icon: Icon }) => (
          <Link
            key={key}
            to={to}
            search={{}}
            className="hc-nav-link"
            activeProps={{ "data-active": true }}
            onClick={close}
          >
            <Icon size={22} stroke={1.6} aria-hidden />
            <span>{t(`nav.${key}`)}</span>
          </Link>
        ))}
        <UnstyledButton
          className="hc-nav-link"
          onClick={() => {
            close();
            openPalette();
          }}
        >
          <IconCommand size={22} stroke={1.6} aria-hidden />
          <span>{t("palette.short")}</span>
        </UnstyledButton>
        <UserMenu />
      </nav>
    </Drawer>
  );
}
