page 50120 "BH API Value Entries"
{
    PageType = API;
    APIPublisher = 'backhaul';
    APIGroup = 'returns';
    APIVersion = 'v1.0';
    EntityName = 'valueEntry';
    EntitySetName = 'valueEntries';
    SourceTable = "Value Entry";
    ODataKeyFields = SystemId;
    Extensible = false;
    InsertAllowed = false;
    Editable = false;
    ModifyAllowed = false;
    DeleteAllowed = false;
    DataAccessIntent = ReadOnly;

    layout
    {
        area(Content)
        {
            repeater(Records)
            {
                field(id; Rec.SystemId) { }
                field(entryNumber; Rec."Entry No.") { }
                field(itemLedgerEntryNumber; Rec."Item Ledger Entry No.") { }
                field(itemNumber; Rec."Item No.") { }
                field(locationCode; Rec."Location Code") { }
                field(postingDate; Rec."Posting Date") { }
                field(documentType; Rec."Document Type") { }
                field(documentNumber; Rec."Document No.") { }
                field(externalDocumentNumber; Rec."External Document No.") { }
                field(costAmountActual; Rec."Cost Amount (Actual)") { }
                field(costAmountExpected; Rec."Cost Amount (Expected)") { }
                field(salesAmountActual; Rec."Sales Amount (Actual)") { }
                field(invoicedQuantity; Rec."Invoiced Quantity") { }
                field(costPostedToGl; Rec."Cost Posted to G/L") { }
                field(expectedCost; Rec."Expected Cost") { }
                field(returnReasonCode; Rec."Return Reason Code") { }
                field(lastModifiedDateTime; Rec.SystemModifiedAt) { }
            }
        }
    }
}
