page 50100 "BH API Capabilities"
{
    PageType = API;
    APIPublisher = 'backhaul';
    APIGroup = 'returns';
    APIVersion = 'v1.0';
    EntityName = 'capability';
    EntitySetName = 'capabilities';
    SourceTable = "BH Setup View";
    SourceTableTemporary = true;
    ODataKeyFields = SystemId;
    Extensible = false;
    Editable = false;
    InsertAllowed = false;
    ModifyAllowed = false;
    DeleteAllowed = false;

    layout
    {
        area(Content)
        {
            repeater(Records)
            {
                field(id; Rec.SystemId) { }
                field(extensionVersion; Rec."Extension Version") { }
                field(externalDocumentMandatory; Rec."Ext. Doc. No. Mandatory") { }
                field(exactCostReversingMandatory; Rec."Exact Cost Reversing Mandatory") { }
                field(returnReceiptOnCreditMemo; Rec."Return Receipt on Credit Memo") { }
                field(locationMandatory; Rec."Location Mandatory") { }
                field(automaticCostPosting; Rec."Automatic Cost Posting") { }
                field(expectedCostPosting; Rec."Expected Cost Posting to G/L") { }
                field(archiveReturnOrders; Rec."Archive Return Orders") { }
                field(returnOrderNumbers; Rec."Return Order Nos. Present") { }
                field(returnReceiptNumbers; Rec."Return Receipt Nos. Present") { }
                field(creditMemoNumbers; Rec."Credit Memo Nos. Present") { }
                field(canPostSales; Rec."Can Post Sales") { }
                field(canPostItems; Rec."Can Post Items") { }
            }
        }
    }

    trigger OnFindRecord(Which: Text): Boolean
    var
        SalesSetup: Record "Sales & Receivables Setup";
        InventorySetup: Record "Inventory Setup";
        SalesCrMemoHeader: Record "Sales Cr.Memo Header";
        ItemLedgerEntry: Record "Item Ledger Entry";
        ThisModule: ModuleInfo;
    begin
        if not Rec.IsEmpty() then
            exit(Rec.Find(Which));
        SalesSetup.Get();
        InventorySetup.Get();
        NavApp.GetCurrentModuleInfo(ThisModule);
        Rec.Init();
        Rec."Extension Version" := CopyStr(Format(ThisModule.AppVersion()), 1, MaxStrLen(Rec."Extension Version"));
        Rec."Ext. Doc. No. Mandatory" := SalesSetup."Ext. Doc. No. Mandatory";
        Rec."Exact Cost Reversing Mandatory" := SalesSetup."Exact Cost Reversing Mandatory";
        Rec."Return Receipt on Credit Memo" := SalesSetup."Return Receipt on Credit Memo";
        Rec."Archive Return Orders" := SalesSetup."Archive Return Orders";
        Rec."Return Order Nos. Present" := SalesSetup."Return Order Nos." <> '';
        Rec."Return Receipt Nos. Present" := SalesSetup."Posted Return Receipt Nos." <> '';
        Rec."Credit Memo Nos. Present" := SalesSetup."Posted Credit Memo Nos." <> '';
        Rec."Location Mandatory" := InventorySetup."Location Mandatory";
        Rec."Automatic Cost Posting" := InventorySetup."Automatic Cost Posting";
        Rec."Expected Cost Posting to G/L" := InventorySetup."Expected Cost Posting to G/L";
        Rec."Can Post Sales" := SalesCrMemoHeader.WritePermission();
        Rec."Can Post Items" := ItemLedgerEntry.WritePermission();
        Rec.Insert();
        exit(true);
    end;
}
